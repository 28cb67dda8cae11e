//! An upload's bytes on their way into a bucket.
//!
//! Bytes gather in blocks until the part is full. When no block is to be had at once, what is gathered goes out as a
//! tail segment, and only a writer that holds nothing waits for memory.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::SMALLEST_INNER_PART;
use super::body::Body;
use super::bucket::Bucket;
use super::memory::{Budget, Exhausted, Gathered};
use crate::ids::FileId;
use crate::object_store::{Durable, ObjectKey, Staged, StagedPart, StagedWriter, StoreError, TailSegment};

/// The most one writer gathers before it spills, bytes: no part, however large, takes the budget for itself.
const GATHER: u64 = 8 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct S3Writer {
    bucket: Arc<Bucket>,
    budget: Arc<Budget>,
    file: FileId,
    epoch: i64,
    object_epoch: i64,
    part_size: u64,
    multipart: Option<String>,
    /// Parts acknowledged, reported or not.
    parts: u32,
    new_parts: Vec<StagedPart>,
    tail: Vec<TailSegment>,
    obsolete: Vec<ObjectKey>,
    gathered: Gathered,
    /// Bytes in parts, or in the object.
    settled: u64,
    /// The object itself was put: nothing more can be written.
    whole: bool,
    /// Something is durable since the last report.
    news: bool,
    failed: bool,
}

impl S3Writer {
    pub(super) fn new(
        bucket: Arc<Bucket>,
        budget: Arc<Budget>,
        file: FileId,
        epoch: i64,
        staged: &Staged,
    ) -> Result<Self, StoreError> {
        let whole = staged.multipart.is_none() && staged.tail.is_empty() && staged.offset > 0;
        let in_parts: u64 = staged.parts.iter().map(|part| part.size).sum();
        let in_tail: u64 = staged.tail.iter().map(|segment| segment.len).sum();
        let begun = whole || staged.multipart.is_some();
        let object_epoch = if begun { staged.object_epoch } else { epoch };
        let path = ObjectKey::Quarantine { file, epoch: object_epoch }.path();
        if staged.part_size < SMALLEST_INNER_PART {
            let source = "the part size is below what S3 takes".into();
            return Err(StoreError::Refused { call: "UploadPart", path, source });
        }
        if !whole && in_parts + in_tail != staged.offset {
            return Err(StoreError::Lost { path });
        }
        Ok(Self {
            bucket,
            budget,
            file,
            epoch,
            object_epoch,
            part_size: staged.part_size,
            multipart: staged.multipart.clone(),
            parts: u32::try_from(staged.parts.len()).unwrap_or(u32::MAX),
            new_parts: Vec::new(),
            tail: staged.tail.clone(),
            obsolete: Vec::new(),
            gathered: Gathered::default(),
            settled: if whole { staged.offset } else { in_parts },
            whole,
            news: false,
            failed: false,
        })
    }

    fn path(&self) -> String {
        ObjectKey::Quarantine { file: self.file, epoch: self.object_epoch }.path()
    }

    fn in_tail(&self) -> u64 {
        self.tail.iter().map(|segment| segment.len).sum()
    }

    /// Bytes of the part that is filling.
    fn filled(&self) -> u64 {
        self.in_tail() + self.gathered.len()
    }

    fn tail_key(&self, segment: &TailSegment) -> ObjectKey {
        let TailSegment { epoch, start, len, .. } = *segment;
        ObjectKey::Tail { file: self.file, epoch, start, len }
    }

    fn exhausted(&self) -> impl FnOnce(Exhausted) -> StoreError {
        let path = self.path();
        move |e| StoreError::Unavailable { call: "gather", path, source: Box::new(e) }
    }

    async fn take(&mut self, mut chunk: Bytes) -> Result<(), StoreError> {
        if self.whole || chunk.len() as u64 > self.until_border() {
            let source = "more was written than the part or the file has room for".into();
            return Err(StoreError::Refused { call: "write", path: self.path(), source });
        }
        while !chunk.is_empty() {
            if self.gathered.needs_block() {
                self.next_block().await?;
            }
            self.gathered.take_from(&mut chunk);
        }
        if self.filled() == self.part_size { self.put_part().await } else { Ok(()) }
    }

    async fn next_block(&mut self) -> Result<(), StoreError> {
        if self.gathered.len() < GATHER
            && let Some(block) = self.budget.try_block()
        {
            self.gathered.add(block);
            return Ok(());
        }
        self.spill().await?;
        let block = self.budget.block().await.map_err(self.exhausted())?;
        self.gathered.add(block);
        Ok(())
    }

    /// Puts what is gathered into a tail segment.
    async fn spill(&mut self) -> Result<(), StoreError> {
        if self.gathered.is_empty() {
            self.gathered = Gathered::default();
            return Ok(());
        }
        let body = Body::new([], &mut self.gathered);
        let start = self.settled + self.in_tail();
        let segment = TailSegment { epoch: self.epoch, start, len: body.len(), crc32: body.crc32() };
        self.bucket.put(&self.tail_key(&segment).path(), &body).await?;
        self.tail.push(segment);
        self.gathered = Gathered::default();
        self.news = true;
        Ok(())
    }

    /// The filling part as a body: its segments, then what is gathered.
    fn part_body(&mut self) -> Body {
        let stored = self.tail.iter().map(|segment| {
            let path = self.tail_key(segment).path();
            (path, segment.len, segment.crc32)
        });
        let stored: Vec<_> = stored.collect();
        Body::new(stored, &mut self.gathered)
    }

    async fn put_part(&mut self) -> Result<(), StoreError> {
        let path = self.path();
        let id = match &self.multipart {
            Some(id) => id.clone(),
            None => self.multipart.insert(self.bucket.begin(&path, None).await?).clone(),
        };
        let (body, number) = (self.part_body(), self.parts + 1);
        let budget = self.budget.clone();
        let turn = match self.tail.is_empty() {
            true => None,
            false => Some(budget.assembly().await.map_err(self.exhausted())?),
        };
        let part = match self.bucket.upload_part(&path, &id, number, &body).await {
            Err(StoreError::NotFound { path }) => return Err(StoreError::Lost { path }),
            Err(error) => return Err(self.lost_tail(&body, error).await),
            Ok(part) => part,
        };
        drop(turn);
        self.parts = number;
        self.new_parts.push(part);
        self.settle(body.len());
        Ok(())
    }

    async fn put_object(&mut self) -> Result<(), StoreError> {
        let (path, body) = (self.path(), self.part_body());
        let budget = self.budget.clone();
        let turn = match self.tail.is_empty() {
            true => None,
            false => Some(budget.assembly().await.map_err(self.exhausted())?),
        };
        if let Err(error) = self.bucket.put(&path, &body).await {
            return Err(self.lost_tail(&body, error).await);
        }
        drop(turn);
        self.whole = true;
        self.settle(body.len());
        Ok(())
    }

    /// What was in the tail or gathered stands elsewhere now.
    fn settle(&mut self, len: u64) {
        self.settled += len;
        let segments = std::mem::take(&mut self.tail);
        let keys: Vec<_> = segments.iter().map(|segment| self.tail_key(segment)).collect();
        self.obsolete.extend(keys);
        self.gathered = Gathered::default();
        self.news = true;
    }

    /// A body that cannot be read back looks like a broken line: ask whether a segment is gone.
    async fn lost_tail(&self, body: &Body, error: StoreError) -> StoreError {
        for path in body.stored() {
            match self.bucket.head(path).await {
                Ok(None) => return StoreError::Lost { path: path.to_owned() },
                Ok(Some(_)) => {}
                Err(_) => return error,
            }
        }
        error
    }

    fn report(&mut self) -> Durable {
        self.news = false;
        Durable {
            offset: self.settled + self.in_tail(),
            object_epoch: self.object_epoch,
            multipart: self.multipart.clone(),
            new_parts: std::mem::take(&mut self.new_parts),
            tail: self.tail.clone(),
            obsolete: std::mem::take(&mut self.obsolete),
        }
    }

    fn guard(&self) -> Result<(), StoreError> {
        if self.failed { Err(StoreError::Changed { path: self.path() }) } else { Ok(()) }
    }

    async fn end(&mut self) -> Result<(), StoreError> {
        match self.multipart {
            _ if self.whole => Ok(()),
            None => self.put_object().await,
            Some(_) if self.filled() > 0 => self.put_part().await,
            Some(_) => Ok(()),
        }
    }
}

#[async_trait]
impl StagedWriter for S3Writer {
    fn until_border(&self) -> u64 {
        self.part_size - self.filled()
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.guard()?;
        let taken = self.take(chunk).await;
        self.failed = taken.is_err();
        taken
    }

    fn progress(&mut self) -> Option<Durable> {
        (self.news && self.gathered.is_empty()).then(|| self.report())
    }

    fn pending(&self) -> u64 {
        self.gathered.len()
    }

    fn unsettled(&self) -> Vec<ObjectKey> {
        self.tail.iter().map(|segment| self.tail_key(segment)).chain(self.obsolete.iter().cloned()).collect()
    }

    async fn flush(&mut self) -> Result<Durable, StoreError> {
        self.guard()?;
        let spilt = self.spill().await;
        self.failed = spilt.is_err();
        spilt.map(|()| self.report())
    }

    async fn finish(&mut self) -> Result<Durable, StoreError> {
        self.guard()?;
        let ended = self.end().await;
        self.failed = ended.is_err();
        ended.map(|()| self.report())
    }
}
