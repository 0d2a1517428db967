//! What a token must be like beyond a good signature: the clinic's rules.

use super::token::{Admission, TokenError, UnixTime};
use super::{LEEWAY_SECONDS, Permissions};
use crate::protocol::Role;

/// The rules for all tokens.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct AccessPolicy {
    /// What `iss` must be (RFC 7519 §4.1.1); `None`: anything or nothing.
    pub issuer: Option<String>,
    /// What `aud` must name (RFC 7519 §4.1.3). `None`: tokens must not name
    /// an audience, as that would be somebody else.
    pub audience: Option<String>,
    pub roles: RolePolicies,
}

/// The rules for each role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RolePolicies {
    pub host: RolePolicy,
    pub co_host: RolePolicy,
    pub client: RolePolicy,
    pub observer: RolePolicy,
    pub interpreter: RolePolicy,
}

/// The rules for one role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RolePolicy {
    pub permissions: Permissions,
    /// `amr` must hold `mfa` (RFC 8176).
    pub multi_factor: bool,
    /// Seconds since `iat` at most; `None`: as long as `exp` says.
    pub token_age: Option<u64>,
    /// `cnf.jkt` must be there (RFC 7800).
    pub bound_key: bool,
}

impl AccessPolicy {
    /// What a token of a good signature entitles to under these rules.
    pub fn permit(&self, admission: &Admission, now: UnixTime) -> Result<Permissions, TokenError> {
        if let Some(issuer) = &self.issuer
            && admission.issuer.as_ref() != Some(issuer)
        {
            return Err(TokenError::Issuer);
        }
        let is_for_us = match &self.audience {
            Some(audience) => admission.audiences.contains(audience),
            None => admission.audiences.is_empty(),
        };
        if !is_for_us {
            return Err(TokenError::Audience);
        }
        let role = self.roles.of(admission.role);
        if role.multi_factor && !admission.is_multi_factor {
            return Err(TokenError::MultiFactor);
        }
        if role.bound_key && admission.key.is_none() {
            return Err(TokenError::KeyRequired);
        }
        if let Some(most) = role.token_age {
            let issued_at = admission.issued_at.ok_or(TokenError::TooOld)?;
            if issued_at
                .0
                .saturating_add(most)
                .saturating_add(LEEWAY_SECONDS)
                <= now.0
            {
                return Err(TokenError::TooOld);
            }
        }
        Ok(role.permissions)
    }
}

impl RolePolicies {
    pub fn of(&self, role: Role) -> &RolePolicy {
        match role {
            Role::Host => &self.host,
            Role::CoHost => &self.co_host,
            Role::Client => &self.client,
            Role::Observer => &self.observer,
            Role::Interpreter => &self.interpreter,
        }
    }
}

impl Default for RolePolicies {
    fn default() -> Self {
        Self {
            host: RolePolicy::of(Role::Host),
            co_host: RolePolicy::of(Role::CoHost),
            client: RolePolicy::of(Role::Client),
            observer: RolePolicy::of(Role::Observer),
            interpreter: RolePolicy::of(Role::Interpreter),
        }
    }
}

impl RolePolicy {
    /// The role's own permissions, and nothing asked of its tokens.
    pub fn of(role: Role) -> Self {
        Self {
            permissions: Permissions::of(role),
            multi_factor: false,
            token_age: None,
            bound_key: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Thumbprint;

    const NOW: UnixTime = UnixTime(10_000);

    #[test]
    fn nothing_is_asked_by_default() {
        assert_eq!(
            AccessPolicy::default().permit(&admission(), NOW),
            Ok(Permissions::of(Role::Host))
        );
    }

    #[test]
    fn the_issuer_must_be_the_one_that_was_set() {
        let policy = AccessPolicy {
            issuer: Some("https://clinic.example".into()),
            ..AccessPolicy::default()
        };
        let issued_by = |issuer: Option<&str>| {
            let admission = Admission {
                issuer: issuer.map(str::to_owned),
                ..admission()
            };
            policy.permit(&admission, NOW).err()
        };

        assert_eq!(issued_by(Some("https://clinic.example")), None);
        for wrong in [None, Some(""), Some("https://clinic.example/")] {
            assert_eq!(issued_by(wrong), Some(TokenError::Issuer));
        }
    }

    #[test]
    fn a_token_for_somebody_else_is_refused() {
        let permit = |ours: Option<&str>, theirs: &[&str]| {
            let policy = AccessPolicy {
                audience: ours.map(str::to_owned),
                ..AccessPolicy::default()
            };
            let admission = Admission {
                audiences: theirs.iter().map(|&name| name.to_owned()).collect(),
                ..admission()
            };
            policy.permit(&admission, NOW).err()
        };

        assert_eq!(permit(Some("us"), &["them", "us"]), None);
        assert_eq!(permit(Some("us"), &["them"]), Some(TokenError::Audience));
        assert_eq!(permit(Some("us"), &[]), Some(TokenError::Audience));
        assert_eq!(permit(None, &["us"]), Some(TokenError::Audience));
        assert_eq!(permit(None, &[]), None);
    }

    #[test]
    fn a_role_may_ask_for_two_factors_a_bound_key_and_youth() {
        let mut policy = AccessPolicy::default();
        policy.roles.host = RolePolicy {
            multi_factor: true,
            token_age: Some(60),
            bound_key: true,
            ..policy.roles.host
        };
        let good = Admission {
            is_multi_factor: true,
            key: Some(Thumbprint([1; 32])),
            issued_at: Some(UnixTime(NOW.0 - 69)),
            ..admission()
        };
        let permit = |admission: Admission| policy.permit(&admission, NOW).err();

        assert_eq!(permit(good.clone()), None);
        let one_factor = Admission {
            is_multi_factor: false,
            ..good.clone()
        };
        assert_eq!(permit(one_factor), Some(TokenError::MultiFactor));
        let keyless = Admission {
            key: None,
            ..good.clone()
        };
        assert_eq!(permit(keyless), Some(TokenError::KeyRequired));
        for issued_at in [None, Some(UnixTime(NOW.0 - 70))] {
            let old = Admission {
                issued_at,
                ..good.clone()
            };
            assert_eq!(permit(old), Some(TokenError::TooOld));
        }
        let other_role = Admission {
            role: Role::Client,
            ..admission()
        };
        assert_eq!(permit(other_role), None);
    }

    fn admission() -> Admission {
        Admission {
            subject: "s".into(),
            room: "r".into(),
            role: Role::Host,
            token_id: "t".into(),
            issuer: None,
            audiences: Vec::new(),
            issued_at: None,
            expires_at: UnixTime(20_000),
            is_multi_factor: false,
            key: None,
        }
    }
}
