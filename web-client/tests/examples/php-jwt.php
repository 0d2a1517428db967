<?php

// Stands in for firebase/php-jwt where it is not installed (`composer install` in
// examples/php): the one method that the example calls, as far as it calls it.

declare(strict_types=1);

namespace Firebase\JWT;

final class JWT
{
    /** A token signed with Ed25519; the key is base64 of a sodium secret key. */
    public static function encode(array $payload, string $key, string $alg): string
    {
        if ($alg !== 'EdDSA') {
            throw new \DomainException('Algorithm not supported');
        }
        $parts = [self::part(['typ' => 'JWT', 'alg' => $alg]), self::part($payload)];
        $secret = base64_decode($key, true);
        $parts[] = self::base64url(sodium_crypto_sign_detached(implode('.', $parts), $secret));
        return implode('.', $parts);
    }

    private static function part(array $content): string
    {
        return self::base64url(json_encode($content, JSON_THROW_ON_ERROR));
    }

    private static function base64url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
