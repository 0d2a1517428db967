//! Roles as sets of permissions.

use crate::protocol::{Permission, Role};

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Permissions(u16);

impl Permissions {
    pub const NONE: Self = Self(0);

    /// Those that are about others.
    pub const POWERS: Self = Self(
        bit(Permission::Admit)
            | bit(Permission::Mute)
            | bit(Permission::Remove)
            | bit(Permission::Lock)
            | bit(Permission::End),
    );

    #[must_use]
    pub fn with(self, permission: Permission) -> Self {
        Self(self.0 | bit(permission))
    }

    #[must_use]
    pub fn without(self, permission: Permission) -> Self {
        Self(self.0 & !bit(permission))
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn allow(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }

    /// In the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .into_iter()
            .filter(move |permission| self.allow(*permission))
    }

    /// What a role allows unless the settings say otherwise.
    pub fn of(role: Role) -> Self {
        let all = Permission::ALL.into_iter().collect::<Self>();
        match role {
            Role::Host => all,
            Role::CoHost => all.without(Permission::End),
            Role::Client => [
                Permission::Microphone,
                Permission::Camera,
                Permission::Screen,
                Permission::Receive,
                Permission::Chat,
            ]
            .into_iter()
            .collect(),
            Role::Observer => [Permission::Receive, Permission::Chat]
                .into_iter()
                .collect(),
            Role::Interpreter => [
                Permission::Microphone,
                Permission::Camera,
                Permission::Receive,
                Permission::Chat,
            ]
            .into_iter()
            .collect(),
        }
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::NONE, Self::with)
    }
}

const fn bit(permission: Permission) -> u16 {
    1 << permission as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        for permission in Permission::ALL {
            let only = Permissions::NONE.with(permission);
            assert_eq!(only.iter().collect::<Vec<_>>(), [permission]);
            assert_eq!(only.without(permission), Permissions::NONE);
        }
    }

    #[test]
    fn only_hosts_and_co_hosts_have_power_over_others() {
        for role in [Role::Client, Role::Observer, Role::Interpreter] {
            for power in [
                Permission::Admit,
                Permission::Mute,
                Permission::Remove,
                Permission::Lock,
                Permission::End,
            ] {
                assert!(!Permissions::of(role).allow(power), "{role:?} {power:?}");
            }
        }
        assert!(!Permissions::of(Role::CoHost).allow(Permission::End));
    }
}
