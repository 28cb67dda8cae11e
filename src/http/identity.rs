//! Who asks: the session cookie of a browser or the bearer token of a program.
//!
//! [`identify`] runs before every route. It reads the credentials once, refuses a change that a foreign page may have
//! caused, and leaves a [`Caller`] for the handlers. No credentials is no error here: a handler that takes [`Caller`]
//! answers 401, one that takes `Option<Caller>` decides itself.

mod cross_site;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};

use super::error::ApiError;
use super::layers::RequestId;
use super::secret::{Secret, digest_of};
use crate::actor::{Actor, PersonId};
use crate::config::Environment;
use crate::database::audit::{self, By, Entry};
use crate::database::sessions::Session;
use crate::database::{people, sessions};
use crate::service::Service;

pub use cross_site::same_origin;

/// The session's cookie. `__Host-`: Secure, no Domain, Path=/.
pub const COOKIE: &str = "__Host-strongroom";
/// A request that nobody asked for: a page that looks for news. It does not count as somebody being there.
const BACKGROUND: &str = "x-background";
/// A session's `seen_at` is written at most this often.
const SEEN_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// Longest credential that is looked at, bytes.
const LONGEST: usize = 256;

/// Who asks, and by what.
#[derive(Clone, Debug)]
pub struct Caller {
    pub actor: Actor,
    /// The browser's session; `None` for a program's token.
    pub session: Option<Session>,
    token: Option<crate::evidence::Sha256Digest>,
}

impl Caller {
    pub fn person(&self) -> &PersonId {
        &self.actor.person
    }

    /// Who holds a session, told by its id in an address of ours that they were given: it counts as used.
    pub(super) async fn of_session(
        service: &Service,
        id: crate::evidence::Sha256Digest,
    ) -> Result<Option<Self>, ApiError> {
        by_session(service, id, false).await
    }

    /// Reads again who asks, for work that outlives a request's start (a long body, the next member of a zip, a
    /// stream of events): 401 once the session or token has ended or the person is disabled.
    pub async fn again(&self, service: &Service) -> Result<Self, ApiError> {
        self.reread(service, false).await
    }

    /// Like [`Caller::again`], for work that somebody waits for: the session counts as used.
    pub async fn still(&self, service: &Service) -> Result<Self, ApiError> {
        self.reread(service, true).await
    }

    async fn reread(&self, service: &Service, used: bool) -> Result<Self, ApiError> {
        let now = service.clock.now();
        let person = match (&self.session, self.token) {
            (Some(session), _) => match live_session(service, session.id, now).await? {
                Some(found) => {
                    if used {
                        seen(service, &found, now).await?;
                    }
                    Some(found.person)
                }
                None => None,
            },
            (None, Some(token)) => sessions::token_owner(&service.db, token, now).await?,
            (None, None) => None,
        };
        let person = person.ok_or(ApiError::SignedOut)?;
        let actor = people::actor(&service.db, &person).await?.ok_or(ApiError::SignedOut)?;
        Ok(Self { actor, ..self.clone() })
    }
}

/// The middleware: who asks, and whether a change was asked for by our own page.
pub async fn identify(
    State(service): State<Arc<Service>>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = match bearer(request.headers()) {
        Some(token) => Some(by_token(&service, token).await?),
        None => match cookie(request.headers()) {
            Some(id) => by_cookie(&service, id, is_background(request.headers())).await?,
            None => None,
        },
    };
    if let Some(session) = caller.as_ref().and_then(|caller| caller.session.as_ref())
        && !request.method().is_safe()
    {
        request = cross_site::refuse(&service, &session.csrf, request).await?;
    }
    let person = caller.as_ref().map(|caller| caller.actor.person.clone());
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    let mut response = next.run(request).await;
    if let Some(person) = person {
        response.extensions_mut().insert(person);
    }
    Ok(response)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

/// A token that is no good is 401 at once, whatever the route: the program should know.
async fn by_token(service: &Service, token: &str) -> Result<Caller, ApiError> {
    if token.len() > LONGEST {
        return Err(ApiError::SignedOut);
    }
    let id = digest_of(token);
    let person = sessions::token_owner(&service.db, id, service.clock.now()).await?;
    let person = person.ok_or(ApiError::SignedOut)?;
    let actor = people::actor(&service.db, &person).await?.ok_or(ApiError::SignedOut)?;
    Ok(Caller { actor, session: None, token: Some(id) })
}

/// A cookie that is no good is no cookie.
async fn by_cookie(service: &Service, value: &str, background: bool) -> Result<Option<Caller>, ApiError> {
    if value.len() > LONGEST {
        return Ok(None);
    }
    by_session(service, digest_of(value), background).await
}

/// Who that session is of, while it lives.
async fn by_session(
    service: &Service,
    id: crate::evidence::Sha256Digest,
    background: bool,
) -> Result<Option<Caller>, ApiError> {
    let now = service.clock.now();
    let Some(session) = live_session(service, id, now).await? else { return Ok(None) };
    let Some(actor) = people::actor(&service.db, &session.person).await? else { return Ok(None) };
    if !background {
        seen(service, &session, now).await?;
    }
    Ok(Some(Caller { actor, session: Some(session), token: None }))
}

/// Notes that the session is used, now and then.
async fn seen(service: &Service, session: &Session, now: Timestamp) -> Result<(), ApiError> {
    if now.duration_since(session.seen_at) >= SEEN_EVERY {
        sessions::touch(&service.db, session.id, now).await?;
    }
    Ok(())
}

/// Whether nobody asked for it: the page says so, or it is a stream of events, which begins again by itself.
pub fn is_background(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    headers.contains_key(BACKGROUND) || accepts.is_some_and(|accepts| accepts.contains("text/event-stream"))
}

async fn live_session(
    service: &Service,
    id: crate::evidence::Sha256Digest,
    now: Timestamp,
) -> Result<Option<Session>, ApiError> {
    let found = sessions::find(&service.db, id).await?;
    let idle = service.config.session.idle.0;
    Ok(found.filter(|session| {
        let unused = now.duration_since(session.seen_at).unsigned_abs();
        now < session.ends_at && (now <= session.seen_at || unused < idle)
    }))
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or(ApiError::SignedOut)
    }
}

impl OptionalFromRequestParts<Arc<Service>> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Option<Self>, ApiError> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

impl FromRequestParts<Arc<Service>> for Actor {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Self, ApiError> {
        parts.extensions.get::<Caller>().map(|caller| caller.actor.clone()).ok_or(ApiError::SignedOut)
    }
}

/// Signs a person in without asking for a secret: the development sign-in. Its `Set-Cookie`. 404 outside
/// development; the settings hold development to loopback. `headers`: those of the request, which must come from our
/// own page.
pub async fn sign_in(
    service: &Service,
    headers: &HeaderMap,
    person: &PersonId,
    request: &RequestId,
) -> Result<HeaderValue, ApiError> {
    if service.config.environment != Environment::Development {
        return Err(ApiError::NotFound);
    }
    if !same_origin(service, headers) {
        return Err(ApiError::CrossSite);
    }
    let actor = people::actor(&service.db, person).await?.ok_or(ApiError::NotFound)?;
    let (secret, now) = (Secret::new(), service.clock.now());
    let session = Session {
        id: secret.digest(),
        person: actor.person.clone(),
        csrf: Secret::new().expose().to_owned(),
        created_at: now,
        seen_at: now,
        ends_at: now.checked_add(service.config.session.absolute.0).unwrap_or(Timestamp::MAX),
    };
    let request = request.to_string();
    let entry = Entry { request: &request, ..Entry::new(By::Person(&actor.person), "session.started") };
    let mut tx = service.db.begin().await?;
    sessions::start(&mut tx, &session).await?;
    audit::record(&mut tx, now, entry).await?;
    tx.commit().await?;
    set_cookie(secret.expose(), service.config.session.absolute.0.as_secs())
}

/// What goes with the end of a session. Pages are never kept by a cache and nothing of a person's is stored in a browser;
/// what is left is what the browser keeps for itself. Not `"storage"`: Chromium then takes the Web Locks from every other
/// tab too, and by those the tabs know which of them drives an upload (`script/upload/tabs.js`).
pub const CLEAR_SITE_DATA: &str = "\"cache\"";

/// Ends the caller's session at once. The `Set-Cookie` that takes the cookie away; send [`CLEAR_SITE_DATA`] with it.
pub async fn sign_out(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
) -> Result<HeaderValue, ApiError> {
    if let Some(session) = &caller.session {
        let request = request.to_string();
        let entry = Entry { request: &request, ..Entry::new(By::Person(caller.person()), "session.ended") };
        let mut tx = service.db.begin().await?;
        sessions::end(&mut tx, session.id).await?;
        audit::record(&mut tx, service.clock.now(), entry).await?;
        tx.commit().await?;
    }
    set_cookie("", 0)
}

fn set_cookie(value: &str, seconds: u64) -> Result<HeaderValue, ApiError> {
    let text = format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    let mut value = HeaderValue::from_str(&text).map_err(ApiError::internal)?;
    value.set_sensitive(true);
    Ok(value)
}
