//! The store's file: its keys, and what becomes of it when it is damaged.

use std::fs;
use std::path::{Path, PathBuf};

use redb::{Builder, ConcurrencyMode, ReadableTable, TableDefinition};
use signaling::access::UnixTime;
use signaling::clinic::Scope;
use signaling::store::{KeyRing, OpenError, Store, StoreKey, User};

#[test]
fn what_was_stored_is_there_again() {
    let (path, keys) = (fresh("again"), KeyRing::new(StoreKey::generate()));
    let key = filled(&path, &keys);

    let store = Store::open(&path, keys, User::Owner).expect("it opens");

    assert_eq!(names(&store), ["name-of-the-key"; KEYS]);
    assert!(store.revoke_api_key(&key).expect("it is written"));
    assert_eq!(names(&store).len(), KEYS - 1);
}

#[test]
fn another_key_is_refused_by_name() {
    let (path, key) = (fresh("another"), StoreKey::generate());
    filled(&path, &KeyRing::new(key.clone()));

    let refused = Store::open(&path, KeyRing::new(StoreKey::generate()), User::Owner);

    let refused = refused.expect_err("the key is another").to_string();
    assert!(
        refused.contains(&format!("sealed with the key {}", key.id())),
        "{refused}"
    );
}

#[test]
fn one_owner_keeps_others_out_but_no_visitors() {
    let (path, keys) = (fresh("owners"), KeyRing::new(StoreKey::generate()));
    filled(&path, &keys);
    let owner = Store::open(&path, keys.clone(), User::Owner).expect("it opens");

    let second = Store::open(&path, keys.clone(), User::Owner);
    assert!(matches!(second, Err(OpenError::InUse(_))));

    let visitor = Store::open(&path, keys, User::Visitor).expect("it opens");
    let made = visitor.create_api_key("more", &[Scope::SessionsRead], NOW, None);
    made.expect("it is made");
    drop(visitor);
    assert_eq!(names(&owner).len(), KEYS + 1);
    owner
        .revoke_api_key(&owner.api_keys().expect("it reads")[0].id)
        .expect("it is written");
    assert_eq!(names(&owner).len(), KEYS);
}

#[test]
fn nobody_who_has_the_old_key_is_beside_a_rotation() {
    let (path, keys) = (fresh("beside"), KeyRing::new(StoreKey::generate()));
    filled(&path, &keys);
    let open = |user| Store::open(&path, keys.clone(), user);

    for user in [User::Visitor, User::Owner, User::Rotation] {
        let first = open(user).expect("it opens");
        let second = open(User::Rotation);
        assert!(matches!(second, Err(OpenError::InUse(_))), "{user:?}");
        drop(first);
    }
    let rotation = open(User::Rotation).expect("it opens");
    for user in [User::Visitor, User::Owner] {
        assert!(matches!(open(user), Err(OpenError::InUse(_))), "{user:?}");
    }
    drop(rotation);
    let _first = open(User::Visitor).expect("it opens");
    assert!(open(User::Visitor).is_ok());
}

#[test]
fn old_keys_open_until_all_is_sealed_anew() {
    let path = fresh("rotated");
    let (old, new) = (StoreKey::generate(), StoreKey::generate());
    filled(&path, &KeyRing::new(old.clone()));
    let both = KeyRing::new(old.clone()).rotated(new.clone());

    let store = Store::open(&path, both.clone(), User::Owner).expect("it opens");
    assert_eq!(store.has_old_seals(), Ok(true));
    store
        .create_api_key("new", &[], NOW, None)
        .expect("it is made");
    drop(store);
    // Half of it under each key by now.
    for one in [&old, &new] {
        let refused = Store::open(&path, KeyRing::new(one.clone()), User::Owner);
        assert!(matches!(refused, Err(OpenError::WrongKey { .. })));
    }
    let store = Store::open(&path, both, User::Owner).expect("it opens");
    assert!(store.reseal().expect("it is written") > KEYS as u64);
    assert_eq!(store.has_old_seals(), Ok(false));
    drop(store);

    let store = Store::open(&path, KeyRing::new(new), User::Owner).expect("it opens");
    assert_eq!(names(&store).len(), KEYS + 1);
    drop(store);
    assert!(Store::open(&path, KeyRing::new(old), User::Owner).is_err());
}

#[test]
fn a_damaged_file_is_refused_or_does_no_harm() {
    let (path, keys) = (fresh("damaged"), KeyRing::new(StoreKey::generate()));
    filled(&path, &keys);
    let good = fs::read(&path).expect("it is there");
    let used = good.iter().rposition(|byte| *byte != 0).unwrap_or(0);
    let mut refused = 0;
    let mut check = |what: String, bytes: &[u8]| {
        fs::write(&path, bytes).expect("it is writable");
        match Store::open(&path, keys.clone(), User::Owner) {
            Ok(store) => assert_eq!(names(&store), ["name-of-the-key"; KEYS], "{what}"),
            Err(error) => {
                let text = error.to_string();
                assert!(matches!(error, OpenError::Damaged { .. }), "{what}: {text}");
                assert!(
                    text.contains("backup") && text.lines().count() == 1,
                    "{text}"
                );
                refused += 1;
            }
        }
    };
    let mut position = 3;
    while position < used {
        let mut changed = good.clone();
        changed[position] ^= 0x55;
        check(format!("byte {position}"), &changed);
        position += 997;
    }
    for length in [1, 100, 4_096, 8_192, used / 2, used] {
        check(format!("cut at {length}"), &good[..length]);
    }
    check("other content".into(), &vec![b'x'; 20_000]);
    check("a text".into(), b"not a store at all\n");
    assert!(refused > 10, "{refused}");
}

#[test]
fn a_record_in_anothers_place_is_noticed() {
    let (path, keys) = (fresh("swapped"), KeyRing::new(StoreKey::generate()));
    filled(&path, &keys);
    let table = TableDefinition::<&[u8], &[u8]>::new("api_keys");
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    let database = builder.open(&path).expect("it is a database");
    let change = database.begin_write().expect("it is writable");
    {
        let mut records = change.open_table(table).expect("it is there");
        let all: Vec<_> = records
            .iter()
            .expect("it reads")
            .map(|entry| {
                let (key, value) = entry.expect("it reads");
                (key.value().to_vec(), value.value().to_vec())
            })
            .collect();
        for (here, there) in [(0, 1), (1, 0)] {
            let (key, value) = (all[here].0.as_slice(), all[there].1.as_slice());
            records.insert(key, value).expect("it is writable");
        }
    }
    change.commit().expect("it is writable");
    drop(database);

    let opened = Store::open(&path, keys, User::Owner);

    let refused = opened.expect_err("two are swapped").to_string();
    assert!(
        refused.contains("a record of api_keys does not open"),
        "{refused}"
    );
}

#[test]
fn files_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;

    let path = fresh("folder").join("store");
    let keys = KeyRing::new(StoreKey::generate());
    filled(&path, &keys);

    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().expect("it has one")), 0o700);
    let files = fs::read_dir(path.parent().expect("it has one")).expect("it reads");
    let names: Vec<_> = files
        .map(|file| file.expect("it reads").file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

/// Makes a store with some API keys, and gives one's id.
fn filled(path: &Path, keys: &KeyRing) -> String {
    let store = Store::open(path, keys.clone(), User::Owner).expect("it opens");
    let mut id = String::new();
    for _ in 0..KEYS {
        let key = store.create_api_key("name-of-the-key", &Scope::ALL, NOW, None);
        id = key.expect("it is made").id;
    }
    id
}

fn names(store: &Store) -> Vec<String> {
    let keys = store.api_keys().expect("it reads");
    keys.into_iter().map(|key| key.name).collect()
}

fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("store")
        .join(name);
    let _ = fs::remove_dir_all(&path);
    let _ = fs::remove_file(&path);
    let _ = fs::remove_file(path.with_extension("lock"));
    path
}

const NOW: UnixTime = UnixTime(1_800_000_000);

const KEYS: usize = 5;
