//! How far the centres of a component are, counted by the database: what board staff and auditors look at.
//!
//! A count here is what [`crate::completeness`] makes of the same rows; a test of the service holds the two together.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::moderation::pattern;
use super::scope::overseer;
use super::{Database, DatabaseError, samples};
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::component::{Component, ComponentId};
use crate::evidence::Reason;
use crate::organisation::{AssessmentId, OrganisationId};
use crate::sample::Sample;

/// Most components listed.
const OFFERS: i64 = 1_000;

/// When a sample's work is due: of one that was sent back, when the last of it is.
const DUE: &str = "CASE WHEN s.state = 'returned' THEN COALESCE((SELECT MAX(n.due_at) FROM candidates n \
     WHERE n.sample_id = s.id AND n.returned = 1), s.due_at) ELSE s.due_at END";

/// A component that an assessment offers, with its names, and how many centres have sent its work.
#[derive(Clone, Debug)]
pub(crate) struct OfferLine {
    pub organisation: String,
    pub time_zone: String,
    pub assessment: String,
    pub assessment_name: String,
    pub series: String,
    pub component: String,
    pub title: String,
    /// Of the assessment; a centre may have more time.
    pub due_at: Option<Timestamp>,
    pub centres: u32,
    pub submitted: u32,
    pub returned: u32,
    /// Past its date and not submitted, or submitted late.
    pub late: u32,
}

/// The components of which the person oversees a sample, by organisation and due date.
pub(crate) async fn offers(
    db: &Database,
    person: &PersonId,
    now: Timestamp,
) -> Result<Vec<OfferLine>, DatabaseError> {
    let sql = format!(
        "SELECT o.name AS organisation, o.time_zone, a.id AS assessment, a.name AS assessment_name, e.name AS series, \
         k.id AS component, k.title, d.due_at, COUNT(*) AS centres, \
         COUNT(CASE WHEN s.state = 'submitted' THEN 1 END) AS submitted, \
         COUNT(CASE WHEN s.state = 'returned' THEN 1 END) AS returned, \
         COUNT(CASE WHEN s.state = 'submitted' AND b.late <> 0 OR s.state <> 'submitted' AND {DUE} < $2 THEN 1 END) \
         AS late FROM samples s JOIN organisations o ON o.id = s.organisation_id \
         JOIN assessments a ON a.id = s.assessment_id JOIN series e ON e.id = s.series_id \
         JOIN components k ON k.id = s.component_id \
         LEFT JOIN assessment_components d ON d.assessment_id = a.id AND d.component_id = k.id \
         LEFT JOIN submissions b ON b.sample_id = s.id AND b.revision = s.revision WHERE {} \
         GROUP BY o.name, o.id, o.time_zone, a.id, a.name, e.name, k.id, k.title, d.due_at \
         ORDER BY o.name, o.id, a.name, a.id, d.due_at, k.id LIMIT $3",
        overseer!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(now.as_microsecond())
        .bind(OFFERS)
        .fetch_all(db.reader())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(OfferLine {
                organisation: row.try_get("organisation")?,
                time_zone: row.try_get("time_zone")?,
                assessment: row.try_get("assessment")?,
                assessment_name: row.try_get("assessment_name")?,
                series: row.try_get("series")?,
                component: row.try_get("component")?,
                title: row.try_get("title")?,
                due_at: row.try_get::<Option<i64>, _>("due_at")?.map(from_micros),
                centres: number(row, "centres")?,
                submitted: number(row, "submitted")?,
                returned: number(row, "returned")?,
                late: number(row, "late")?,
            })
        })
        .collect()
}

/// A component that an assessment offers.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub organisation: OrganisationId,
    pub organisation_name: String,
    pub time_zone: String,
    pub assessment: AssessmentId,
    pub assessment_name: String,
    pub series: String,
    pub component: Component,
    pub due_at: Option<Timestamp>,
}

/// The component, if the person oversees a sample of it in this assessment.
pub(crate) async fn offer(
    db: &Database,
    person: &PersonId,
    assessment: &AssessmentId,
    component: &ComponentId,
) -> Result<Option<Offer>, DatabaseError> {
    let sql = concat!(
        "SELECT o.id AS organisation, o.name AS organisation_name, o.time_zone, a.name AS assessment_name, ",
        "e.name AS series, k.definition, d.due_at FROM assessments a JOIN components k ON k.id = $3 ",
        "JOIN organisations o ON o.id = a.organisation_id JOIN series e ON e.id = a.series_id ",
        "LEFT JOIN assessment_components d ON d.assessment_id = a.id AND d.component_id = k.id ",
        "WHERE a.id = $2 AND EXISTS (SELECT 1 FROM samples s WHERE s.assessment_id = a.id ",
        "AND s.component_id = k.id AND ",
        overseer!("$1"),
        ")"
    );
    let row = sqlx::query(sql)
        .bind(person.as_str())
        .bind(assessment.as_str())
        .bind(component.as_str())
        .fetch_optional(db.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let organisation: String = row.try_get("organisation")?;
    let broken =
        |_| DatabaseError::BrokenRow { table: "organisations", id: organisation.clone(), column: "id" };
    Ok(Some(Offer {
        organisation: organisation.parse().map_err(broken)?,
        organisation_name: row.try_get("organisation_name")?,
        time_zone: row.try_get("time_zone")?,
        assessment: assessment.clone(),
        assessment_name: row.try_get("assessment_name")?,
        series: row.try_get("series")?,
        component: samples::component(component.as_str(), &row.try_get::<String, _>("definition")?)?,
        due_at: row.try_get::<Option<i64>, _>("due_at")?.map(from_micros),
    }))
}

/// Candidates whose work is asked for, by how far they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub in_sample: u32,
    pub complete: u32,
    pub with_missing: u32,
    pub in_progress: u32,
}

impl Tally {
    pub(crate) fn not_started(self) -> u32 {
        self.in_sample.saturating_sub(self.complete + self.with_missing + self.in_progress)
    }

    /// Candidates of whom nothing more is owed.
    pub(crate) fn done(self) -> u32 {
        self.complete + self.with_missing
    }

    fn of(row: &AnyRow) -> Result<Self, DatabaseError> {
        Ok(Self {
            in_sample: number(row, "in_sample")?,
            complete: number(row, "complete")?,
            with_missing: number(row, "with_missing")?,
            in_progress: number(row, "in_progress")?,
        })
    }
}

/// All centres of a component together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub work: Tally,
    pub centres: u32,
    pub submitted: u32,
    pub not_submitted: u32,
    pub not_started: u32,
    pub late: u32,
    pub returned: u32,
    pub attention: u32,
    pub quiet: u32,
}

/// A centre's sample.
#[derive(Clone, Debug)]
pub(crate) struct CentreLine {
    pub sample: Sample,
    pub centre: String,
    /// Whom to write to, if it is known.
    pub email: Option<String>,
    /// As [`Sample::dates`] say, or the return.
    pub due_at: Timestamp,
    pub submitted_at: Option<Timestamp>,
    /// Past its date and not submitted, or submitted late.
    pub late: bool,
    /// Files that later scans withdrew.
    pub withdrawn: u32,
    /// When something was last sent or flagged, if ever.
    pub active_at: Option<Timestamp>,
    pub work: Tally,
}

/// What the list is narrowed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Show {
    #[default]
    All,
    /// Open, and nothing is there of anybody asked for.
    NotStarted,
    NotSubmitted,
    Submitted,
    Late,
    Returned,
    /// Past its date and not submitted, returned, without anybody to send work of, or with a file withdrawn.
    Attention,
    /// Not submitted, and for a day nothing was sent or flagged.
    Quiet,
}

impl Show {
    fn condition(self) -> &'static str {
        match self {
            Self::All => "1 = 1",
            Self::NotStarted => "state = 'open' AND complete + with_missing + in_progress = 0",
            Self::NotSubmitted => "state <> 'submitted'",
            Self::Submitted => "state = 'submitted'",
            Self::Late => "late = 1",
            Self::Returned => "state = 'returned'",
            Self::Quiet => "state <> 'submitted' AND active_at < $4 - 86400000000",
            Self::Attention => {
                "(state <> 'submitted' AND late = 1 OR state = 'returned' OR in_sample = 0 OR withdrawn > 0)"
            }
        }
    }
}

/// How each of its samples stands that the person (`$1`) oversees, as the table `stands`: `$2` the assessment, `$3` the
/// component, `$4` the moment, and from `$first` on code and need of every section, two by two.
fn stands(component: &Component, first: usize) -> String {
    let at = |n: usize| format!("WHEN ${} THEN ${}", first + 2 * n, first + 2 * n + 1);
    let needs: Vec<String> = (0..component.sections.len()).map(at).collect();
    let (needs, required) = (needs.join(" "), component.required().count());
    format!(
        "WITH asked AS (SELECT {}, c.name AS centre, c.email, {DUE} AS due, b.submitted_at, b.late AS sent_late, \
         (SELECT COUNT(*) FROM files f WHERE f.sample_id = s.id AND f.state = 'quarantined') AS withdrawn, \
         COALESCE((SELECT MAX(COALESCE(f.received_at, u.last_byte_at, f.created_at)) FROM files f \
         LEFT JOIN uploads u ON u.file_id = f.id WHERE f.sample_id = s.id), 0) AS sent_at, \
         COALESCE((SELECT MAX(l.missing_at) FROM places l WHERE l.sample_id = s.id), 0) AS flagged_at \
         FROM samples s JOIN centres c ON c.number = s.centre_number \
         LEFT JOIN submissions b ON b.sample_id = s.id AND b.revision = s.revision \
         WHERE s.component_id = $3 AND s.assessment_id = $2 AND {}), \
         said (candidate_id, section, word) AS (\
         SELECT f.candidate_id, f.section, CASE WHEN f.state = 'accepted' THEN 'accepted' ELSE 'running' END \
         FROM files f JOIN asked q ON q.id = f.sample_id WHERE f.kind = 'evidence' \
         AND f.state IN ('created', 'receiving', 'received', 'checking', 'accepted') \
         UNION ALL SELECT l.candidate_id, l.section, 'missing' FROM places l JOIN asked q ON q.id = l.sample_id \
         WHERE l.missing_reason IS NOT NULL \
         UNION ALL SELECT l.candidate_id, l.section, 'other' FROM places l JOIN asked q ON q.id = l.sample_id \
         WHERE l.other_means IS NOT NULL \
         UNION ALL SELECT l.candidate_id, l.section, 'fewer' FROM places l JOIN asked q ON q.id = l.sample_id \
         WHERE l.incomplete_reason IS NOT NULL), \
         cells AS (SELECT candidate_id, CASE section {needs} ELSE -1 END AS needed, \
         COUNT(CASE WHEN word = 'accepted' THEN 1 END) AS accepted, \
         COUNT(CASE WHEN word = 'running' THEN 1 END) AS running, \
         COUNT(CASE WHEN word IN ('missing', 'other') THEN 1 END) AS excused, \
         COUNT(CASE WHEN word = 'fewer' THEN 1 END) AS fewer FROM said GROUP BY candidate_id, section), \
         counters AS (SELECT candidate_id, \
         COUNT(CASE WHEN needed > 0 AND accepted >= needed THEN 1 END) AS provided, \
         COUNT(CASE WHEN needed > 0 AND (accepted >= needed OR excused > 0 OR accepted > 0 AND fewer > 0) THEN 1 END) \
         AS resolved, COUNT(CASE WHEN accepted > 0 OR running > 0 OR excused > 0 THEN 1 END) AS touched \
         FROM cells WHERE needed >= 0 GROUP BY candidate_id), \
         tally AS (SELECT n.sample_id, COUNT(*) AS in_sample, \
         COUNT(CASE WHEN p.provided = {required} THEN 1 END) AS complete, \
         COUNT(CASE WHEN p.provided < {required} AND p.resolved = {required} THEN 1 END) AS with_missing, \
         COUNT(CASE WHEN p.resolved < {required} AND p.touched > 0 THEN 1 END) AS in_progress \
         FROM candidates n JOIN asked q ON q.id = n.sample_id LEFT JOIN counters p ON p.candidate_id = n.id \
         WHERE n.in_sample = 1 AND n.status = 'entered' GROUP BY n.sample_id), \
         stands AS (SELECT q.*, COALESCE(t.in_sample, 0) AS in_sample, COALESCE(t.complete, 0) AS complete, \
         COALESCE(t.with_missing, 0) AS with_missing, COALESCE(t.in_progress, 0) AS in_progress, \
         CASE WHEN q.sent_at > q.flagged_at THEN q.sent_at ELSE q.flagged_at END AS active_at, \
         CASE WHEN q.state = 'submitted' THEN COALESCE(q.sent_late, 0) WHEN q.due < $4 THEN 1 ELSE 0 END AS late \
         FROM asked q LEFT JOIN tally t ON t.sample_id = q.id) ",
        samples::COLUMNS,
        overseer!("$1"),
    )
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

/// Code and need of every section; an optional one needs nothing.
fn with_sections<'q>(query: Query<'q>, component: &Component) -> Query<'q> {
    component.sections.iter().fold(query, |query, section| {
        let needed = if section.required { i64::from(section.needed()) } else { 0 };
        query.bind(section.code.to_string()).bind(needed)
    })
}

/// All centres of the offer that the person oversees, together.
pub(crate) async fn totals(
    db: &Database,
    person: &PersonId,
    offer: &Offer,
    now: Timestamp,
) -> Result<Totals, DatabaseError> {
    let many = |show: Show| format!("COUNT(CASE WHEN {} THEN 1 END)", show.condition());
    let sum = |column: &str| format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT) AS {column}");
    let sql = format!(
        "{} SELECT COUNT(*) AS centres, {} AS submitted, {} AS not_submitted, {} AS not_started, {} AS were_late, \
         {} AS returned, {} AS attention, {} AS quiet, {}, {}, {}, {} FROM stands",
        stands(&offer.component, 5),
        many(Show::Submitted),
        many(Show::NotSubmitted),
        many(Show::NotStarted),
        many(Show::Late),
        many(Show::Returned),
        many(Show::Attention),
        many(Show::Quiet),
        sum("in_sample"),
        sum("complete"),
        sum("with_missing"),
        sum("in_progress"),
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(offer.assessment.as_str())
        .bind(offer.component.id.as_str())
        .bind(now.as_microsecond());
    let row = with_sections(query, &offer.component).fetch_one(db.reader()).await?;
    Ok(Totals {
        work: Tally::of(&row)?,
        centres: number(&row, "centres")?,
        submitted: number(&row, "submitted")?,
        not_submitted: number(&row, "not_submitted")?,
        not_started: number(&row, "not_started")?,
        late: number(&row, "were_late")?,
        returned: number(&row, "returned")?,
        attention: number(&row, "attention")?,
        quiet: number(&row, "quiet")?,
    })
}

/// How the files of an offer move just now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// Files of which bytes came a moment ago.
    pub running: u32,
    /// Files that are whole, and in the checks.
    pub checking: u32,
    /// Since when the oldest of them is.
    pub oldest: Option<Timestamp>,
    /// Refused lately, by reason, the most first.
    pub refused: Vec<(Reason, u32)>,
}

/// How the files of the offer's centres move that the person oversees: running are those with bytes after `lately`;
/// what was refused counts from `since` on.
pub(crate) async fn health(
    db: &Database,
    person: &PersonId,
    offer: &Offer,
    lately: Timestamp,
    since: Timestamp,
) -> Result<Health, DatabaseError> {
    let sql = concat!(
        "SELECT f.state, COALESCE(f.reason, '') AS reason, COUNT(*) AS files, MIN(f.received_at) AS oldest ",
        "FROM files f JOIN samples s ON s.id = f.sample_id LEFT JOIN uploads u ON u.file_id = f.id ",
        "WHERE s.assessment_id = $2 AND s.component_id = $3 AND (",
        "f.state IN ('created', 'receiving') AND u.last_byte_at >= $4 OR f.state IN ('received', 'checking') ",
        "OR f.state IN ('rejected', 'infected', 'unscannable') AND COALESCE(f.checked_at, f.created_at) >= $5) AND ",
        overseer!("$1"),
        " GROUP BY f.state, f.reason"
    );
    let rows = sqlx::query(sql)
        .bind(person.as_str())
        .bind(offer.assessment.as_str())
        .bind(offer.component.id.as_str())
        .bind(lately.as_microsecond())
        .bind(since.as_microsecond())
        .fetch_all(db.reader())
        .await?;
    let mut health = Health::default();
    for row in &rows {
        let (state, files): (String, u32) = (row.try_get("state")?, number(row, "files")?);
        match state.as_str() {
            "created" | "receiving" => health.running += files,
            "received" | "checking" => {
                health.checking += files;
                let oldest = row.try_get::<Option<i64>, _>("oldest")?.map(from_micros);
                health.oldest = [health.oldest, oldest].into_iter().flatten().min();
            }
            _ => {
                let reason: String = row.try_get("reason")?;
                let reason = if reason.is_empty() { state } else { reason };
                health.refused.push((word(&reason, "files", "of a component", "reason")?, files));
            }
        }
    }
    health.refused.sort_by_key(|(reason, files)| (std::cmp::Reverse(*files), reason.as_str()));
    Ok(health)
}

/// Which centres of an offer. `find`: part of a number or a name, in any case; `""` for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub show: Show,
    pub find: String,
    /// How many are left out before the first.
    pub from: u32,
}

/// The centres of the offer that the person oversees, by number, at most `limit`.
pub(crate) async fn centres(
    db: &Database,
    person: &PersonId,
    offer: &Offer,
    wanted: &Wanted,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<CentreLine>, DatabaseError> {
    let sql = format!(
        "{} SELECT * FROM stands WHERE {} AND ($5 = '' OR LOWER(centre_number) LIKE $5 ESCAPE '!' \
         OR LOWER(centre) LIKE $5 ESCAPE '!') \
         ORDER BY centre_number, id LIMIT $6 OFFSET $7",
        stands(&offer.component, 8),
        wanted.show.condition()
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(offer.assessment.as_str())
        .bind(offer.component.id.as_str())
        .bind(now.as_microsecond())
        .bind(pattern(&wanted.find))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(i64::from(wanted.from));
    let rows = with_sections(query, &offer.component).fetch_all(db.reader()).await?;
    rows.iter()
        .map(|row| {
            Ok(CentreLine {
                sample: samples::read(row)?,
                centre: row.try_get("centre")?,
                email: row.try_get::<Option<String>, _>("email")?.filter(|email| !email.is_empty()),
                due_at: from_micros(row.try_get("due")?),
                submitted_at: row.try_get::<Option<i64>, _>("submitted_at")?.map(from_micros),
                late: row.try_get::<i64, _>("late")? != 0,
                withdrawn: number(row, "withdrawn")?,
                active_at: Some(row.try_get("active_at")?).filter(|at| *at > 0).map(from_micros),
                work: Tally::of(row)?,
            })
        })
        .collect()
}

fn number(row: &AnyRow, column: &'static str) -> Result<u32, DatabaseError> {
    Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(u32::MAX))
}
