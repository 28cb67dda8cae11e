//! People and what they may do, read afresh for each request.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::error::word;
use super::{Database, DatabaseError};
use crate::actor::{Actor, Allocation, Grant, PersonId};

/// The most people the development sign-in lists.
const LISTED: i64 = 200;

/// Someone who may sign in, as the development sign-in lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    pub grants: Vec<Grant>,
}

/// The person with their roles and allocations; `None` when unknown or disabled. One statement: every request asks.
pub async fn actor(database: &Database, person: &PersonId) -> Result<Option<Actor>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT 0 AS what, name AS a, '' AS b, '' AS c, '' AS d FROM people WHERE id = $1 AND disabled = 0 \
         UNION ALL SELECT 1, role, organisation_id, centre_number, component_id FROM roles WHERE person_id = $1 \
         UNION ALL SELECT 2, component_id, series_id, centre_number, '' FROM allocations WHERE person_id = $1 \
         ORDER BY 1, 2, 3, 4, 5",
    )
    .bind(person.as_str())
    .fetch_all(database.reader())
    .await?;
    let (mut name, mut grants, mut allocations) = (None, Vec::new(), Vec::new());
    for row in &rows {
        match row.try_get::<i64, _>(0)? {
            0 => name = Some(row.try_get(1)?),
            1 => grants.push(grant(row, person)?),
            _ => allocations.push(allocation(row, person)?),
        }
    }
    Ok(name.map(|name| Actor { person: person.clone(), name, grants, allocations }))
}

/// A role, and what narrows it, from the columns after the first.
fn grant(row: &AnyRow, person: &PersonId) -> Result<Grant, DatabaseError> {
    let role: String = row.try_get(1)?;
    let narrowing = |column: usize| -> Result<Option<String>, DatabaseError> {
        let text: String = row.try_get(column)?;
        Ok((!text.is_empty()).then_some(text))
    };
    let id = person.as_str();
    Ok(Grant {
        role: word(&role, "roles", id, "role")?,
        organisation: match narrowing(2)? {
            Some(text) => Some(word(&text, "roles", id, "organisation_id")?),
            None => None,
        },
        centre: match narrowing(3)? {
            Some(text) => Some(word(&text, "roles", id, "centre_number")?),
            None => None,
        },
        component: match narrowing(4)? {
            Some(text) => Some(word(&text, "roles", id, "component_id")?),
            None => None,
        },
    })
}

/// An allocation, from the columns after the first.
fn allocation(row: &AnyRow, person: &PersonId) -> Result<Allocation, DatabaseError> {
    let text = |column: usize| row.try_get::<String, _>(column);
    Ok(Allocation {
        component: word(&text(1)?, "allocations", person.as_str(), "component_id")?,
        series: word(&text(2)?, "allocations", person.as_str(), "series_id")?,
        centre: word(&text(3)?, "allocations", person.as_str(), "centre_number")?,
    })
}

/// The names of these people; whoever is not on record any more is not in it. For a few, as a receipt names them.
pub async fn names(
    database: &Database,
    people: &[&PersonId],
) -> Result<BTreeMap<PersonId, String>, DatabaseError> {
    let mut on = database.reader().acquire().await?;
    let mut names = BTreeMap::new();
    for &person in people {
        if names.contains_key(person) {
            continue;
        }
        let name: Option<String> = sqlx::query_scalar("SELECT name FROM people WHERE id = $1")
            .bind(person.as_str())
            .fetch_optional(&mut *on)
            .await?;
        if let Some(name) = name {
            names.insert(person.clone(), name);
        }
    }
    Ok(names)
}

/// Everyone who may sign in, by name, with their roles. For the development sign-in alone.
pub async fn list(database: &Database) -> Result<Vec<Person>, DatabaseError> {
    let rows = sqlx::query("SELECT id, name FROM people WHERE disabled = 0 ORDER BY name, id LIMIT $1")
        .bind(LISTED)
        .fetch_all(database.reader())
        .await?;
    let mut people = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: String = row.try_get(0)?;
        people.push(Person { id: word(&id, "people", &id, "id")?, name: row.try_get(1)?, grants: vec![] });
    }
    let rows = sqlx::query(
        "SELECT person_id, role, organisation_id, centre_number, component_id FROM roles \
         WHERE person_id IN (SELECT id FROM people WHERE disabled = 0 ORDER BY name, id LIMIT $1) \
         ORDER BY person_id, role",
    )
    .bind(LISTED)
    .fetch_all(database.reader())
    .await?;
    for row in &rows {
        let person: String = row.try_get(0)?;
        if let Some(person) = people.iter_mut().find(|known| known.id.as_str() == person) {
            let grant = grant(row, &person.id)?;
            person.grants.push(grant);
        }
    }
    Ok(people)
}
