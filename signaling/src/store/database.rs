//! The file, its tables and its transactions.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::marker::PhantomData;
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use redb::backends::InMemoryBackend;
use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadTransaction, ReadableDatabase,
    ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::error::{OpenError, StoreError};
use super::seal::{self, Unopened};
use super::{KeyRing, StoreKey};

/// An open store.
pub struct Store {
    database: Database,
    keys: KeyRing,
    /// Turns what others named into keys of records.
    names: hmac::Key,
    /// Held for as long as it is open, against those who must not be beside it.
    _locks: Vec<File>,
}

/// Who opens the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum User {
    /// The one that no other owner may be beside: a server.
    Owner,
    /// The one that takes keys away: neither an owner nor a visitor may be
    /// beside it, who has read those keys.
    Rotation,
    /// A command that changes a record and ends; an owner may be there.
    Visitor,
}

/// Records of one kind.
#[derive(Debug)]
pub(crate) struct Table<R> {
    name: &'static str,
    record: PhantomData<fn() -> R>,
}

/// The store as it was at one moment.
pub(crate) struct Reading<'a> {
    store: &'a Store,
    transaction: ReadTransaction,
}

/// A change that happens as a whole, or not at all.
pub(crate) struct Writing<'a> {
    store: &'a Store,
    transaction: WriteTransaction,
}

impl Store {
    /// Opens the file, or makes it: readable by its owner only, in a folder
    /// that is made too. All of its records are checked.
    pub fn open(path: &Path, keys: KeyRing, user: User) -> Result<Self, OpenError> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(failed(folder))?;
        }
        let locks = match user {
            User::Owner => vec![lock(path, "lock", File::try_lock)?],
            User::Rotation => vec![
                lock(path, "lock", File::try_lock)?,
                lock(path, "visitors", File::try_lock)?,
            ],
            User::Visitor => vec![lock(path, "visitors", File::try_lock_shared)?],
        };
        if !path.try_exists().map_err(failed(path))? {
            create(path, &keys)?;
        }
        let database = open_file(path)?;
        complete(&database).map_err(|error| OpenError::Damaged {
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
        Self::unlock(database, keys, locks).map_err(|error| match error {
            Locked::NoKey(needed) => OpenError::WrongKey {
                path: path.to_owned(),
                needed,
            },
            Locked::Newer(found) => OpenError::Newer {
                path: path.to_owned(),
                found,
            },
            Locked::Damaged(detail) => OpenError::Damaged {
                path: path.to_owned(),
                detail,
            },
        })
    }

    /// A store that is gone with the process, under a key that nobody has.
    pub fn in_memory() -> Self {
        let keys = KeyRing::new(StoreKey::generate());
        let database = Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(InMemoryBackend::new())
            .expect("memory cannot fail");
        initialize(&database, &keys).expect("memory cannot fail");
        Self::unlock(database, keys, Vec::new())
            .unwrap_or_else(|_| unreachable!("it was made just now"))
    }

    /// Reads several records as they were at one moment.
    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Reading<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.database.begin_read().map_err(StoreError::from)?;
        read(&Reading {
            store: self,
            transaction,
        })
    }

    /// Changes records: all of them, on disk, once this returns `Ok`; none if
    /// `change` or the disk fails. Others who change wait; whoever calls is
    /// blocked for as long as the disk takes.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut Writing<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut transaction = self.database.begin_write().map_err(StoreError::from)?;
        // Pages' checksums can be forged, and some of what is stored is chosen
        // by others: only two phases leave no doubt which commit was the last.
        transaction.set_two_phase_commit(true);
        let mut writing = Writing {
            store: self,
            transaction,
        };
        let result = change(&mut writing)?;
        writing.transaction.commit().map_err(StoreError::from)?;
        Ok(result)
    }

    /// Removes records that are of no more use, and says how many: `keep` tells
    /// which are, `remove` takes each one away with what goes with it. A few at
    /// a time, so that others who change the store wait for moments only,
    /// however much is in it.
    pub(crate) fn sweep<R: DeserializeOwned>(
        &self,
        table: &Table<R>,
        keep: impl Fn(&R) -> bool,
        remove: impl Fn(&mut Writing<'_>, &[u8], &R) -> Result<(), StoreError>,
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.read(|reading| reading.page_after(table, after.as_deref()))?;
            let Some((last, _)) = page.last() else {
                return Ok(removed);
            };
            after = Some(last.clone());
            let old: Vec<_> = page
                .into_iter()
                .filter(|(_, record)| !keep(record))
                .map(|(key, _)| key)
                .collect();
            if old.is_empty() {
                continue;
            }
            removed += self.write(|writing| {
                let mut removed = 0;
                for key in &old {
                    // It may be another one since it was read.
                    let record = writing.get(table, key)?.filter(|record| !keep(record));
                    if let Some(record) = record {
                        remove(writing, key, &record)?;
                        removed += 1;
                    }
                }
                Ok::<_, StoreError>(removed)
            })?;
        }
    }

    /// The key of a record that is named by others: it shows nothing of the
    /// name to who lacks the store's key.
    pub(crate) fn name(&self, parts: &[&str]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.names);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let tag = context.sign();
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Seals every record with the current key, in one change. Says how many
    /// had another.
    pub fn reseal(&self) -> Result<u64, StoreError> {
        self.write(|writing| {
            let mut resealed = 0;
            for name in TABLES {
                let mut table = writing.transaction.open_table(definition(name))?;
                let mut old = Vec::new();
                for entry in table.iter()? {
                    let (key, sealed) = entry?;
                    if seal::key_id(sealed.value()) == Some(self.keys.current()) {
                        continue;
                    }
                    let value = seal::open(&self.keys, name, key.value(), sealed.value())
                        .map_err(|_| StoreError::Sealed(name))?;
                    old.push((key.value().to_vec(), value));
                }
                for (key, value) in old {
                    let sealed = seal::seal(&self.keys, name, &key, &value);
                    table.insert(key.as_slice(), sealed.as_slice())?;
                    resealed += 1;
                }
            }
            Ok(resealed)
        })
    }

    /// The same store under other keys, which open all that these do.
    #[must_use]
    pub fn with_keys(mut self, keys: KeyRing) -> Self {
        self.keys = keys;
        self
    }

    /// Whether some record is still sealed with an old key.
    pub fn has_old_seals(&self) -> Result<bool, StoreError> {
        let transaction = self.database.begin_read()?;
        for name in TABLES {
            for entry in transaction.open_table(definition(name))?.iter()? {
                let (_, sealed) = entry?;
                if seal::key_id(sealed.value()) != Some(self.keys.current()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Checks every record and takes the key for names.
    fn unlock(database: Database, keys: KeyRing, locks: Vec<File>) -> Result<Self, Locked> {
        let transaction = database.begin_read()?;
        let mut names = None;
        for name in TABLES {
            for entry in transaction.open_table(definition(name))?.iter()? {
                let (key, sealed) = entry?;
                let value =
                    seal::open(&keys, name, key.value(), sealed.value()).map_err(|unopened| {
                        match unopened {
                            Unopened::NoKey(id) => Locked::NoKey(id),
                            Unopened::Altered => {
                                Locked::Damaged(format!("a record of {name} does not open"))
                            }
                        }
                    })?;
                match (name, key.value()) {
                    (META, FORMAT) => match value.as_slice().try_into().map(u32::from_be_bytes) {
                        Ok(FORMAT_VERSION) => {}
                        Ok(found) => return Err(Locked::Newer(found)),
                        Err(_) => return Err(Locked::Damaged("its format is unknown".into())),
                    },
                    (META, NAMES) => names = Some(hmac::Key::new(hmac::HMAC_SHA256, &value)),
                    _ => {}
                }
            }
        }
        drop(transaction);
        Ok(Self {
            names: names.ok_or_else(|| Locked::Damaged("its key for names is gone".into()))?,
            database,
            keys,
            _locks: locks,
        })
    }

    fn find<R: DeserializeOwned>(
        &self,
        records: &impl ReadableTable<&'static [u8], &'static [u8]>,
        table: &Table<R>,
        key: &[u8],
    ) -> Result<Option<R>, StoreError> {
        let sealed = records.get(key)?;
        sealed
            .map(|sealed| self.open_record(table, key, sealed.value()))
            .transpose()
    }

    fn open_record<R: DeserializeOwned>(
        &self,
        table: &Table<R>,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<R, StoreError> {
        let value = seal::open(&self.keys, table.name, key, sealed)
            .map_err(|_| StoreError::Sealed(table.name))?;
        serde_json::from_slice(&value).map_err(|_| StoreError::Sealed(table.name))
    }
}

impl<R> Table<R> {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            record: PhantomData,
        }
    }
}

impl Reading<'_> {
    pub(crate) fn get<R: DeserializeOwned>(
        &self,
        table: &Table<R>,
        key: &[u8],
    ) -> Result<Option<R>, StoreError> {
        let records = self.transaction.open_table(definition(table.name))?;
        self.store.find(&records, table, key)
    }

    /// Some records with keys above `after`, the least key first; none: there
    /// are no more.
    fn page_after<R: DeserializeOwned>(
        &self,
        table: &Table<R>,
        after: Option<&[u8]>,
    ) -> Result<Vec<(Vec<u8>, R)>, StoreError> {
        let records = self.transaction.open_table(definition(table.name))?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        records
            .range::<&[u8]>((from, Bound::Unbounded))?
            .take(SWEPT_AT_ONCE)
            .map(|entry| {
                let (key, sealed) = entry?;
                let record = self.store.open_record(table, key.value(), sealed.value())?;
                Ok((key.value().to_vec(), record))
            })
            .collect()
    }

    /// Up to `most` records whose keys begin so.
    pub(crate) fn below<R: DeserializeOwned>(
        &self,
        table: &Table<R>,
        prefix: &[u8],
        most: usize,
    ) -> Result<Vec<R>, StoreError> {
        let records = self.transaction.open_table(definition(table.name))?;
        let mut found = Vec::new();
        for entry in records.range::<&[u8]>(prefix..)?.take(most) {
            let (key, sealed) = entry?;
            if !key.value().starts_with(prefix) {
                break;
            }
            found.push(self.store.open_record(table, key.value(), sealed.value())?);
        }
        Ok(found)
    }

    /// How many records there are.
    pub(crate) fn count<R>(&self, table: &Table<R>) -> Result<u64, StoreError> {
        Ok(self.transaction.open_table(definition(table.name))?.len()?)
    }

    /// Up to `most` records with keys below `before`, the greatest key first.
    pub(crate) fn page<R: DeserializeOwned>(
        &self,
        table: &Table<R>,
        before: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<R>, StoreError> {
        let records = self.transaction.open_table(definition(table.name))?;
        let range = match before {
            Some(before) => records.range::<&[u8]>(..before)?,
            None => records.range::<&[u8]>(..)?,
        };
        range
            .rev()
            .take(most)
            .map(|entry| {
                let (key, sealed) = entry?;
                self.store.open_record(table, key.value(), sealed.value())
            })
            .collect()
    }
}

impl Writing<'_> {
    pub(crate) fn get<R: DeserializeOwned>(
        &self,
        table: &Table<R>,
        key: &[u8],
    ) -> Result<Option<R>, StoreError> {
        let records = self.transaction.open_table(definition(table.name))?;
        self.store.find(&records, table, key)
    }

    pub(crate) fn put<R: Serialize>(
        &mut self,
        table: &Table<R>,
        key: &[u8],
        record: &R,
    ) -> Result<(), StoreError> {
        let value = Zeroizing::new(serde_json::to_vec(record).expect("records are plain data"));
        let sealed = seal::seal(&self.store.keys, table.name, key, &value);
        let mut records = self.transaction.open_table(definition(table.name))?;
        records.insert(key, sealed.as_slice())?;
        Ok(())
    }

    pub(crate) fn remove<R>(&mut self, table: &Table<R>, key: &[u8]) -> Result<(), StoreError> {
        let mut records = self.transaction.open_table(definition(table.name))?;
        records.remove(key)?;
        Ok(())
    }

    /// How many there are whose keys begin so; looks at each of them.
    pub(crate) fn count_below<R>(
        &self,
        table: &Table<R>,
        prefix: &[u8],
    ) -> Result<u64, StoreError> {
        let records = self.transaction.open_table(definition(table.name))?;
        let mut count = 0;
        for entry in records.range::<&[u8]>(prefix..)? {
            if !entry?.0.value().starts_with(prefix) {
                break;
            }
            count += 1;
        }
        Ok(count)
    }

    /// How many records there are.
    pub(crate) fn count<R>(&self, table: &Table<R>) -> Result<u64, StoreError> {
        Ok(self.transaction.open_table(definition(table.name))?.len()?)
    }

    /// [`Store::name`], while the store is being changed.
    pub(crate) fn name(&self, parts: &[&str]) -> [u8; 32] {
        self.store.name(parts)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("key", &self.keys.current())
            .finish_non_exhaustive()
    }
}

/// Why a database that could be opened is of no use.
enum Locked {
    NoKey(super::KeyId),
    Newer(u32),
    Damaged(String),
}

impl<E: Into<StoreError>> From<E> for Locked {
    fn from(error: E) -> Self {
        Self::Damaged(error.into().to_string())
    }
}

/// Makes the file under another name first: one that was not finished is
/// never taken for a store.
fn create(path: &Path, keys: &KeyRing) -> Result<(), OpenError> {
    let unfinished = beside(path, &format!("new-{}", std::process::id()));
    let _ = fs::remove_file(&unfinished);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished);
    file.map_err(failed(&unfinished))?;
    let database = open_file(&unfinished)?;
    initialize(&database, keys).map_err(|error| OpenError::Damaged {
        path: unfinished.clone(),
        detail: error.to_string(),
    })?;
    drop(database);
    let linked = fs::hard_link(&unfinished, path);
    let _ = fs::remove_file(&unfinished);
    match linked {
        // Somebody else was quicker, and theirs is as good.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed(path)(error));
        }
        _ => {}
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed(folder))
}

fn initialize(database: &Database, keys: &KeyRing) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    for name in TABLES {
        transaction.open_table(definition(name))?;
    }
    let mut names = Zeroizing::new([0; 32]);
    getrandom::fill(names.as_mut()).expect("the operating system gives random numbers");
    {
        let mut meta = transaction.open_table(definition(META))?;
        for (key, value) in [
            (FORMAT, &FORMAT_VERSION.to_be_bytes()[..]),
            (NAMES, &names[..]),
        ] {
            meta.insert(key, seal::seal(keys, META, key, value).as_slice())?;
        }
    }
    Ok(transaction.commit()?)
}

/// Adds the tables that a store of an older version lacks.
fn complete(database: &Database) -> Result<(), StoreError> {
    let reading = database.begin_read()?;
    let has = |name: &'static str| reading.open_table(definition(name)).is_ok();
    // One without its first is no store, and is called damaged.
    if !has(META) || TABLES.into_iter().all(has) {
        return Ok(());
    }
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    for name in TABLES {
        transaction.open_table(definition(name))?;
    }
    Ok(transaction.commit()?)
}

fn open_file(path: &Path) -> Result<Database, OpenError> {
    let damaged = |detail: String| OpenError::Damaged {
        path: path.to_owned(),
        detail,
    };
    let mut builder = Builder::new();
    builder
        .set_cache_size(CACHE_BYTES)
        .set_concurrency_mode(ConcurrencyMode::MultiWriter)
        .set_check_integrity_on_open(true);
    // A file that was altered just so makes the database panic in builds for
    // development.
    let opened = catch_unwind(AssertUnwindSafe(|| builder.create(path)));
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch)) => {
            Err(OpenError::InUse(path.to_owned()))
        }
        Ok(Err(DatabaseError::Storage(redb::StorageError::Io(source))))
            if source.kind() != io::ErrorKind::InvalidData
                && source.kind() != io::ErrorKind::UnexpectedEof =>
        {
            Err(failed(path)(source))
        }
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(_) => Err(damaged("it cannot be read".into())),
    }
}

/// Takes a lock on a file beside the store, which holds for as long as what is
/// given lives. The file is the one's whose store it is, whoever made it: a
/// command that the administrator runs must not lock the server out.
fn lock(
    path: &Path,
    ending: &str,
    take: impl FnOnce(&File) -> Result<(), TryLockError>,
) -> Result<File, OpenError> {
    let name = beside(path, ending);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(failed(&name))?;
    if let Ok(store) = fs::metadata(path) {
        let of = |about: &fs::Metadata| (about.uid(), about.gid());
        let made = file.metadata().map_err(failed(&name))?;
        if of(&made) != of(&store) {
            let given = fchown(&file, Some(store.uid()), Some(store.gid()));
            given.map_err(failed(&name))?;
        }
    }
    match take(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(&name)(error)),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}

fn definition(name: &'static str) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(name)
}

pub(crate) mod tables {
    //! What there is in the store. Files of before a table came get it when
    //! they are opened.

    use super::Table;
    use crate::clinic::record::{
        Answer, ApiKey, Consented, OpenRoom, Revocation, RoomUse, Session, TokenUse,
    };

    /// By id, so that later ones come later.
    pub(crate) const SESSIONS: Table<Session> = Table::new("sessions");
    /// The latest session in each room, by the room's name.
    pub(crate) const ROOMS: Table<RoomUse> = Table::new("rooms");
    /// By the room's name.
    pub(crate) const OPEN_ROOMS: Table<OpenRoom> = Table::new("open_rooms");
    /// By id.
    pub(crate) const API_KEYS: Table<ApiKey> = Table::new("api_keys");
    /// By room and what was revoked.
    pub(crate) const REVOCATIONS: Table<Revocation> = Table::new("revocations");
    /// By the token's id.
    pub(crate) const TOKENS: Table<TokenUse> = Table::new("tokens");
    /// By session, and in it by token and text.
    pub(crate) const CONSENTS: Table<Consented> = Table::new("consents");
    /// By API key and idempotency key.
    pub(crate) const ANSWERS: Table<Answer> = Table::new("answers");
}

/// First comes what tells whether the others can be read.
const TABLES: [&str; 9] = [
    META,
    "sessions",
    "rooms",
    "api_keys",
    "revocations",
    "answers",
    "tokens",
    "consents",
    "open_rooms",
];

const META: &str = "meta";

const FORMAT: &[u8] = b"format";

const FORMAT_VERSION: u32 = 1;

const NAMES: &[u8] = b"names";

/// Records of one table; about 10 ms of one change.
const SWEPT_AT_ONCE: usize = 500;

/// The whole file, mostly.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
