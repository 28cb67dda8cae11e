//! An upload's bytes on their way into a bucket.
//!
//! Bytes gather in blocks until the part is full; then it goes out, at most [`IN_FLIGHT`] at a time, while the next one
//! gathers. Parts count in order: one that arrives before its predecessor waits for it.
//!
//! A part keeps its memory until it has arrived. When no block is to be had at once, a writer with parts under way waits
//! for the first of them; one without puts what is gathered into a tail segment, and only a writer that holds nothing
//! waits for memory. So nobody waits for anybody who waits.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::{JoinError, JoinSet};

use super::body::Body;
use super::bucket::Bucket;
use super::memory::{Budget, Exhausted, Gathered};
use super::{IN_FLIGHT, SMALLEST_INNER_PART};
use crate::ids::FileId;
use crate::object_store::{
    Durable, ObjectKey, ObjectVersion, Staged, StagedPart, StagedWriter, StoreError, TailSegment,
};

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
    /// Parts sent, arrived or not.
    parts: u32,
    /// Parts that do not count yet, in order.
    under_way: VecDeque<UnderWay>,
    /// Their bytes being sent; dropped, they are sent no further.
    sending: JoinSet<Result<StagedPart, StoreError>>,
    /// Parts that have arrived since the last report.
    new_parts: Vec<StagedPart>,
    /// Segments of the part that fills.
    tail: Vec<TailSegment>,
    obsolete: Vec<ObjectKey>,
    gathered: Gathered,
    /// Bytes in parts that have arrived, or in the object.
    settled: u64,
    /// The object itself was put: nothing more can be written.
    whole: bool,
    /// What it was put as, if by this writer.
    object: Option<ObjectVersion>,
    /// A segment was put since the last report.
    spilt: bool,
    failed: bool,
}

/// A part that was sent.
#[derive(Debug)]
struct UnderWay {
    number: u32,
    len: u64,
    /// Segments it was put together from.
    segments: Vec<ObjectKey>,
    /// Set when it has arrived.
    part: Option<StagedPart>,
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
            under_way: VecDeque::new(),
            sending: JoinSet::new(),
            new_parts: Vec::new(),
            tail: staged.tail.clone(),
            obsolete: Vec::new(),
            gathered: Gathered::default(),
            settled: if whole { staged.offset } else { in_parts },
            whole,
            object: None,
            spilt: false,
            failed: false,
        })
    }

    fn path(&self) -> String {
        ObjectKey::Quarantine { file: self.file, epoch: self.object_epoch }.path()
    }

    fn in_tail(&self) -> u64 {
        self.tail.iter().map(|segment| segment.len).sum()
    }

    fn in_flight(&self) -> u64 {
        self.under_way.iter().map(|sent| sent.len).sum()
    }

    /// Bytes of the part that is filling.
    fn filled(&self) -> u64 {
        self.in_tail() + self.gathered.len()
    }

    fn tail_key(&self, segment: &TailSegment) -> ObjectKey {
        let TailSegment { epoch, start, len, .. } = *segment;
        ObjectKey::Tail { file: self.file, epoch, start, len }
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
        if self.filled() == self.part_size { self.send_part().await } else { Ok(()) }
    }

    async fn next_block(&mut self) -> Result<(), StoreError> {
        while self.gathered.len() < GATHER {
            if let Some(block) = self.budget.try_block() {
                self.gathered.add(block);
                return Ok(());
            }
            if self.sending.is_empty() {
                break;
            }
            self.arrival().await?;
        }
        self.spill().await?;
        let block = self.budget.block().await.map_err(exhausted(self.path()))?;
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
        let start = self.settled + self.in_flight() + self.in_tail();
        let segment = TailSegment { epoch: self.epoch, start, len: body.len(), crc32: body.crc32() };
        self.bucket.put(&self.tail_key(&segment).path(), &body).await?;
        self.tail.push(segment);
        self.gathered = Gathered::default();
        self.spilt = true;
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

    /// Sends the filling part on its way, once there is room on it.
    async fn send_part(&mut self) -> Result<(), StoreError> {
        while self.sending.len() >= IN_FLIGHT {
            self.arrival().await?;
        }
        let path = self.path();
        let id = match &self.multipart {
            Some(id) => id.clone(),
            None => self.multipart.insert(self.bucket.begin(&path, None).await?).clone(),
        };
        self.parts += 1;
        let (body, number, segments) = (self.part_body(), self.parts, self.take_tail());
        let gathered = std::mem::take(&mut self.gathered);
        let (bucket, budget, len) = (self.bucket.clone(), self.budget.clone(), body.len());
        self.sending.spawn(async move {
            let sent =
                send(&bucket, &budget, &path, &body, bucket.upload_part(&path, &id, number, &body)).await;
            drop(gathered);
            match sent {
                Err(StoreError::NotFound { path }) => Err(StoreError::Lost { path }),
                sent => sent,
            }
        });
        self.under_way.push_back(UnderWay { number, len, segments, part: None });
        Ok(())
    }

    /// Waits for one of the parts under way. The call it waits for has its own deadline.
    async fn arrival(&mut self) -> Result<(), StoreError> {
        match self.sending.join_next().await {
            Some(arrived) => self.arrived(arrived),
            None => Ok(()),
        }
    }

    async fn arrivals(&mut self) -> Result<(), StoreError> {
        while !self.sending.is_empty() {
            self.arrival().await?;
        }
        Ok(())
    }

    /// A part counts from here on if all before it do.
    fn arrived(&mut self, part: Result<Result<StagedPart, StoreError>, JoinError>) -> Result<(), StoreError> {
        let path = self.path();
        let broken = |source| StoreError::Unavailable { call: "UploadPart", path, source: Box::new(source) };
        let part = part.map_err(broken)??;
        if let Some(sent) = self.under_way.iter_mut().find(|sent| sent.number == part.number) {
            sent.part = Some(part);
        }
        while let Some(part) = self.under_way.front_mut().and_then(|first| first.part.take()) {
            self.settled += part.size;
            self.new_parts.push(part);
            self.obsolete.extend(self.under_way.pop_front().into_iter().flat_map(|sent| sent.segments));
        }
        Ok(())
    }

    async fn put_object(&mut self) -> Result<(), StoreError> {
        let (path, body) = (self.path(), self.part_body());
        let put = self.bucket.put(&path, &body);
        self.object = Some(send(&self.bucket, &self.budget, &path, &body, put).await?);
        self.whole = true;
        self.settled += body.len();
        let segments = self.take_tail();
        self.obsolete.extend(segments);
        self.gathered = Gathered::default();
        Ok(())
    }

    /// The segments of the part that fills no more.
    fn take_tail(&mut self) -> Vec<ObjectKey> {
        let segments = std::mem::take(&mut self.tail);
        segments.iter().map(|segment| self.tail_key(segment)).collect()
    }

    /// What has arrived. Segments count when every byte before them and after them does: else they are told of later.
    fn report(&mut self) -> Durable {
        let all = self.under_way.is_empty() && self.gathered.is_empty();
        if all {
            self.spilt = false;
        }
        let tail = if all { self.tail.clone() } else { Vec::new() };
        Durable {
            offset: self.settled + tail.iter().map(|segment| segment.len).sum::<u64>(),
            object_epoch: self.object_epoch,
            multipart: self.multipart.clone(),
            new_parts: std::mem::take(&mut self.new_parts),
            tail,
            obsolete: std::mem::take(&mut self.obsolete),
            object: self.object.clone(),
        }
    }

    fn guard(&self) -> Result<(), StoreError> {
        if self.failed { Err(StoreError::Changed { path: self.path() }) } else { Ok(()) }
    }

    fn collect(&mut self) -> Result<(), StoreError> {
        while let Some(arrived) = self.sending.try_join_next() {
            self.arrived(arrived)?;
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), StoreError> {
        self.spill().await?;
        self.arrivals().await
    }

    async fn end(&mut self) -> Result<(), StoreError> {
        match self.multipart {
            _ if self.whole => return Ok(()),
            None => return self.put_object().await,
            Some(_) if self.filled() > 0 => self.send_part().await?,
            Some(_) => {}
        }
        self.arrivals().await
    }
}

fn exhausted(path: String) -> impl FnOnce(Exhausted) -> StoreError {
    move |e| StoreError::Unavailable { call: "gather", path, source: Box::new(e) }
}

/// Sends a body; one that is put together from segments when it is its turn.
async fn send<T>(
    bucket: &Bucket,
    budget: &Budget,
    path: &str,
    body: &Body,
    sending: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let assembled = body.stored().next().is_some();
    let _turn = match assembled {
        true => Some(budget.assembly().await.map_err(exhausted(path.to_owned()))?),
        false => None,
    };
    match sending.await {
        Err(error) => Err(lost_tail(bucket, body, error).await),
        sent => sent,
    }
}

/// A body that cannot be read back looks like a broken line: ask whether a segment is gone.
async fn lost_tail(bucket: &Bucket, body: &Body, error: StoreError) -> StoreError {
    for path in body.stored() {
        match bucket.head(path).await {
            Ok(None) => return StoreError::Lost { path: path.to_owned() },
            Ok(Some(_)) => {}
            Err(_) => return error,
        }
    }
    error
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

    async fn progress(&mut self) -> Result<Option<Durable>, StoreError> {
        self.guard()?;
        let collected = self.collect();
        self.failed = collected.is_err();
        collected?;
        let all = self.under_way.is_empty() && self.gathered.is_empty();
        Ok((!self.new_parts.is_empty() || self.spilt && all).then(|| self.report()))
    }

    fn pending(&self) -> u64 {
        self.in_flight() + self.gathered.len()
    }

    fn unsettled(&self) -> Vec<ObjectKey> {
        let tail = self.tail.iter().map(|segment| self.tail_key(segment));
        let under_way = self.under_way.iter().flat_map(|sent| sent.segments.iter().cloned());
        tail.chain(under_way).chain(self.obsolete.iter().cloned()).collect()
    }

    async fn flush(&mut self) -> Result<Durable, StoreError> {
        self.guard()?;
        let settled = self.settle().await;
        self.failed = settled.is_err();
        settled.map(|()| self.report())
    }

    async fn finish(&mut self) -> Result<Durable, StoreError> {
        self.guard()?;
        let ended = self.end().await;
        self.failed = ended.is_err();
        ended.map(|()| self.report())
    }
}
