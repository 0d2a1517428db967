<?php

// A clinic's backend: it knows who has which appointment, and signs tokens that
// say so. PAGES is the folder of its pages, KEY the private key whose public half
// the Quietroom server has. To try it: php -S localhost:3000 server.php

declare(strict_types=1);

require __DIR__ . '/vendor/autoload.php';

use Firebase\JWT\JWT;

$quietroom = getenv('QUIETROOM') ?: 'http://localhost:8080';
$pages = getenv('PAGES') ?: __DIR__ . '/../plain-html';

// Opaque ids: the Quietroom server needs no names.
$appointments = [
    '4711' => [
        'room' => 'appointment-4711',
        'roles' => ['person-1' => 'host', 'person-2' => 'client', 'person-3' => 'client'],
    ],
];

// Nothing inline, nothing evaluated, and the Quietroom server alone beside this one.
header("Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    . "worker-src 'self'; connect-src 'self' " . str_replace('http', 'ws', $quietroom) . '; '
    . "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
header('X-Content-Type-Options: nosniff');
header_remove('X-Powered-By');

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '/';
if (preg_match('#^/appointments/(\w+)/token$#D', $path, $match) === 1) {
    token($match[1], $appointments[$match[1]] ?? null);
} elseif ($path === '/sign-in') {
    signIn($_GET['person'] ?? '');
} else {
    page($pages, str_ends_with($path, '/') ? "{$path}index.html" : $path);
}

/** What the element asks for when the person presses "Join". */
function token(string $id, ?array $appointment): void
{
    $person = $_COOKIE['person'] ?? '';
    $role = is_string($person) ? $appointment['roles'][$person] ?? null : null;
    if ($_SERVER['REQUEST_METHOD'] !== 'POST' || $role === null) {
        http_response_code(403);
        return;
    }
    $body = json_decode(file_get_contents('php://input', length: 1000), true);
    $thumbprint = is_array($body) ? $body['thumbprint'] ?? null : null;
    if (!is_string($thumbprint) || preg_match('/^[\w-]{43}$/D', $thumbprint) !== 1) {
        http_response_code(400);
        return;
    }
    $claims = [
        'sub' => $person,
        'room' => $appointment['room'],
        'role' => $role,
        'iat' => time(),
        'exp' => time() + 5 * 60,
        // The same when a lost connection is found again: whoever was let in need not be once more.
        'jti' => hash('sha256', "$id $person $thumbprint"),
        'cnf' => ['jkt' => $thumbprint],
    ];
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    echo json_encode(['token' => JWT::encode($claims, signingKey(), 'EdDSA')]);
}

/** The key as the library takes it: base64 of what sodium signs with. */
function signingKey(): string
{
    $pem = file_get_contents(getenv('KEY') ?: __DIR__ . '/clinic-key.pem');
    $pkcs8 = base64_decode(preg_replace('/-----[A-Z ]+-----/', '', $pem));
    // RFC 8410 §7: the seed is the last thing in the file.
    $pair = sodium_crypto_sign_seed_keypair(substr($pkcs8, -SODIUM_CRYPTO_SIGN_SEEDBYTES));
    return base64_encode(sodium_crypto_sign_secretkey($pair));
}

/** Stands for your own way to sign in: whoever asks is believed. */
function signIn(mixed $person): void
{
    if (!is_string($person) || preg_match('/^[\w-]+$/D', $person) !== 1) {
        http_response_code(400);
        return;
    }
    setcookie('person', $person, ['httponly' => true, 'samesite' => 'Strict', 'path' => '/']);
    header('Location: /', response_code: 303);
}

function page(string $pages, string $path): void
{
    $types = ['html' => 'text/html', 'js' => 'text/javascript', 'css' => 'text/css'];
    $root = realpath($pages);
    $file = realpath($pages . $path);
    if ($file === false || !str_starts_with($file, $root . '/') || !is_file($file)) {
        http_response_code(404);
        return;
    }
    $type = $types[pathinfo($file, PATHINFO_EXTENSION)] ?? 'application/octet-stream';
    header("Content-Type: $type; charset=utf-8");
    readfile($file);
}
