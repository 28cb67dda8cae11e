//! The samples that a moderator has, with what was submitted of each.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row};

use super::scope::allocated;
use super::workspace::{LINES, NAMES, SampleLine, line};
use super::{Database, DatabaseError, samples};
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::sample::SampleState;

/// A sample and its latest submission.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub line: SampleLine,
    pub submitted_at: Timestamp,
    pub late: bool,
    pub files: u64,
    pub bytes: u64,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Due,
    /// The latest first.
    Received,
    Centre,
}

/// Which of them. `find`: part of a centre's number or name, or of a component's id or title, in any case; `""` for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub find: String,
    pub state: Option<SampleState>,
    pub order: Order,
    /// How many are left out before the first.
    pub from: u32,
}

/// The submitted samples allocated to the person, at most `limit`.
pub(crate) async fn samples(
    db: &Database,
    person: &PersonId,
    wanted: &Wanted,
    limit: usize,
) -> Result<Vec<Submitted>, DatabaseError> {
    let order = match wanted.order {
        Order::Due => "s.due_at, s.component_id, s.centre_number, s.id",
        Order::Received => "b.submitted_at DESC, s.id",
        Order::Centre => "s.centre_number, s.component_id, s.id",
    };
    let sql = format!(
        "SELECT {}, {NAMES}, b.submitted_at, b.late, \
         (SELECT COUNT(*) FROM submission_files x WHERE x.submission_id = b.id) AS files, \
         (SELECT CAST(COALESCE(SUM(f.size), 0) AS BIGINT) FROM submission_files x JOIN files f ON f.id = x.file_id \
         WHERE x.submission_id = b.id) AS bytes \
         FROM {LINES} JOIN submissions b ON b.sample_id = s.id AND b.revision = s.revision WHERE {} AND ($2 = '' OR s.state = $2) AND ($3 = '' OR s.centre_number LIKE $3 ESCAPE '!' \
         OR LOWER(c.name) LIKE $3 ESCAPE '!' OR LOWER(s.component_id) LIKE $3 ESCAPE '!' \
         OR LOWER(k.title) LIKE $3 ESCAPE '!') ORDER BY {order} LIMIT $4 OFFSET $5",
        samples::COLUMNS,
        allocated!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(wanted.state.map_or("", SampleState::as_str))
        .bind(pattern(&wanted.find))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(i64::from(wanted.from))
        .fetch_all(db.reader())
        .await?;
    rows.iter()
        .map(|row| {
            let number = |column: &'static str| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
            Ok(Submitted {
                line: line(row)?,
                submitted_at: from_micros(row.try_get("submitted_at")?),
                late: row.try_get::<i64, _>("late")? != 0,
                files: number("files")?,
                bytes: number("bytes")?,
            })
        })
        .collect()
}

/// `%text%` in lower case, where nothing in the text is a wildcard; `""` stays.
pub(super) fn pattern(find: &str) -> String {
    let text = find.trim().to_lowercase();
    if text.is_empty() {
        return text;
    }
    let plain: String = text.chars().fold(String::new(), |mut plain, c| {
        if matches!(c, '%' | '_' | '!') {
            plain.push('!');
        }
        plain.push(c);
        plain
    });
    format!("%{plain}%")
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn no_text_is_a_wildcard() {
        assert_eq!(pattern("  "), "");
        assert_eq!(pattern(" Hill_100%! "), "%hill!_100!%!!%");
    }
}
