//! The settings of one role.

use serde::{Deserialize, Deserializer, Serialize};
use signaling::access::{Permissions, RolePolicies, RolePolicy};
use signaling::protocol::{self, Permission};

use super::{Roles, Whole};

/// What a role may do, and what is asked of its tokens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Role {
    pub(crate) permissions: Vec<Permission>,
    pub(crate) multi_factor: bool,
    pub(crate) token_age_minutes: Whole<0, 65_535>,
    pub(crate) bound_key: bool,
}

impl Role {
    fn of(role: protocol::Role) -> Self {
        Self {
            permissions: Permissions::of(role).iter().collect(),
            multi_factor: false,
            token_age_minutes: Whole(0),
            bound_key: false,
        }
    }

    fn policy(&self) -> RolePolicy {
        let minutes = u64::from(self.token_age_minutes.0);
        RolePolicy {
            permissions: self.permissions.iter().copied().collect(),
            multi_factor: self.multi_factor,
            token_age: (minutes > 0).then_some(minutes * 60),
            bound_key: self.bound_key,
        }
    }
}

impl Roles {
    pub(crate) fn policies(&self) -> RolePolicies {
        RolePolicies {
            host: self.host.policy(),
            co_host: self.co_host.policy(),
            client: self.client.policy(),
            observer: self.observer.policy(),
            interpreter: self.interpreter.policy(),
        }
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self {
            host: Role::of(protocol::Role::Host),
            co_host: Role::of(protocol::Role::CoHost),
            client: Role::of(protocol::Role::Client),
            observer: Role::of(protocol::Role::Observer),
            interpreter: Role::of(protocol::Role::Interpreter),
        }
    }
}

/// What a file says of a role; the rest is as by default for that role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    permissions: Option<Vec<Permission>>,
    multi_factor: Option<bool>,
    token_age_minutes: Option<Whole<0, 65_535>>,
    bound_key: Option<bool>,
}

fn read<'de, D: Deserializer<'de>>(role: protocol::Role, from: D) -> Result<Role, D::Error> {
    let said = Said::deserialize(from)?;
    let by_default = Role::of(role);
    Ok(Role {
        permissions: said.permissions.unwrap_or(by_default.permissions),
        multi_factor: said.multi_factor.unwrap_or(by_default.multi_factor),
        token_age_minutes: said
            .token_age_minutes
            .unwrap_or(by_default.token_age_minutes),
        bound_key: said.bound_key.unwrap_or(by_default.bound_key),
    })
}

pub(super) fn host<'de, D: Deserializer<'de>>(from: D) -> Result<Role, D::Error> {
    read(protocol::Role::Host, from)
}

pub(super) fn co_host<'de, D: Deserializer<'de>>(from: D) -> Result<Role, D::Error> {
    read(protocol::Role::CoHost, from)
}

pub(super) fn client<'de, D: Deserializer<'de>>(from: D) -> Result<Role, D::Error> {
    read(protocol::Role::Client, from)
}

pub(super) fn observer<'de, D: Deserializer<'de>>(from: D) -> Result<Role, D::Error> {
    read(protocol::Role::Observer, from)
}

pub(super) fn interpreter<'de, D: Deserializer<'de>>(from: D) -> Result<Role, D::Error> {
    read(protocol::Role::Interpreter, from)
}
