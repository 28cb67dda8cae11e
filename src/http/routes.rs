//! The table of every route and who it is for, which tests hold the router against.

use crate::actor::Action;

/// Who a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without credentials.
    Public,
    /// Anyone signed in; the answer holds only what is theirs.
    SignedIn,
    /// Who may see the sample (or the file) it names: its centre, the board, auditors; its moderators what was
    /// submitted.
    See,
    /// Who may do this to the sample (or the file's sample) it names.
    May(Action),
}

/// One route, and who it is for.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
}

const fn route(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, access }
}

const MISSING: &str = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/missing";
const INCOMPLETE: &str = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/incomplete";
const OTHER_MEANS: &str = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/other_means";
const SEND: &str = "/samples/{sample}/candidates/{number}/sections/{section}/send";
const ABSENT: &str = "/api/v1/samples/{sample}/candidates/{number}/absent";

/// The table. A route that is not here fails a test; so does a row without a route.
pub const ROUTES: &[Route] = &[
    route("GET", "/health/live", Access::Public),
    route("GET", "/health/ready", Access::Public),
    route("GET", "/metrics", Access::Public),
    route("GET", "/api/v1/samples/{sample}/check", Access::May(Action::ViewWork)),
    route("POST", "/api/v1/samples/{sample}/submissions", Access::May(Action::Submit)),
    route("GET", "/api/v1/samples/{sample}/submissions/{revision}", Access::May(Action::ReadSubmission)),
    route(
        "GET",
        "/api/v1/samples/{sample}/submissions/{revision}/manifest.json",
        Access::May(Action::ReadSubmission),
    ),
    route(
        "GET",
        "/api/v1/samples/{sample}/submissions/{revision}/manifest.csv",
        Access::May(Action::ReadSubmission),
    ),
    route(
        "GET",
        "/api/v1/samples/{sample}/submissions/{revision}/receipt.pdf",
        Access::May(Action::ReadSubmission),
    ),
    route("POST", "/api/v1/samples/{sample}/returns", Access::May(Action::Return)),
    // api
    route("GET", "/api/openapi.json", Access::Public),
    route("GET", "/api/v1/me", Access::SignedIn),
    route("GET", "/api/v1/organisations", Access::SignedIn),
    route("GET", "/api/v1/assessments", Access::SignedIn),
    route("GET", "/api/v1/assessments/{assessment}/components", Access::SignedIn),
    route("GET", "/api/v1/samples", Access::SignedIn),
    route("GET", "/api/v1/samples/{sample}", Access::See),
    route("GET", "/api/v1/samples/{sample}/candidates", Access::See),
    route("GET", "/api/v1/samples/{sample}/candidates/{number}", Access::See),
    route("PUT", MISSING, Access::May(Action::FlagMissing)),
    route("DELETE", MISSING, Access::May(Action::FlagMissing)),
    route("PUT", INCOMPLETE, Access::May(Action::FlagMissing)),
    route("DELETE", INCOMPLETE, Access::May(Action::FlagMissing)),
    route("PUT", OTHER_MEANS, Access::May(Action::NoteOtherMeans)),
    route("DELETE", OTHER_MEANS, Access::May(Action::NoteOtherMeans)),
    route("PUT", ABSENT, Access::May(Action::FlagMissing)),
    route("DELETE", ABSENT, Access::May(Action::FlagMissing)),
    route("POST", "/api/v1/samples/{sample}/extensions", Access::May(Action::Extend)),
    route("GET", "/api/v1/samples/{sample}/holds", Access::May(Action::ReadAudit)),
    route("POST", "/api/v1/samples/{sample}/holds", Access::May(Action::Hold)),
    route("DELETE", "/api/v1/samples/{sample}/holds/{hold}", Access::May(Action::Hold)),
    route("GET", "/api/v1/samples/{sample}/bulk_plans", Access::May(Action::ChangeWork)),
    route("POST", "/api/v1/samples/{sample}/bulk_plans", Access::May(Action::ChangeWork)),
    // A plan is its person's alone.
    route("GET", "/api/v1/bulk_plans/{plan}", Access::SignedIn),
    route("PATCH", "/api/v1/bulk_plans/{plan}", Access::SignedIn),
    route("DELETE", "/api/v1/bulk_plans/{plan}", Access::SignedIn),
    route("POST", "/api/v1/bulk_plans/{plan}/start", Access::SignedIn),
    route("GET", "/api/v1/files/{file}", Access::See),
    route("DELETE", "/api/v1/files/{file}", Access::May(Action::ChangeWork)),
    route("POST", "/api/v1/files/{file}/restore", Access::May(Action::ChangeWork)),
    route("POST", "/api/v1/files/{file}/move", Access::May(Action::ChangeWork)),
    route("GET", "/api/v1/uploads", Access::SignedIn),
    route("GET", "/api/v1/audit", Access::May(Action::ReadAudit)),
    route("GET", "/api/v1/events", Access::SignedIn),
    // uploads
    route("OPTIONS", "/files", Access::Public),
    route("POST", "/files", Access::SignedIn),
    route("OPTIONS", "/files/", Access::Public),
    route("POST", "/files/", Access::SignedIn),
    route("OPTIONS", "/files/to/{sample}/Documents", Access::Public),
    route("POST", "/files/to/{sample}/Documents", Access::May(Action::ChangeWork)),
    route("OPTIONS", "/files/to/{sample}/Documents/{document}", Access::Public),
    route("POST", "/files/to/{sample}/Documents/{document}", Access::May(Action::ChangeWork)),
    route("OPTIONS", "/files/to/{sample}/{candidate}/{section}", Access::Public),
    route("POST", "/files/to/{sample}/{candidate}/{section}", Access::May(Action::ChangeWork)),
    route("OPTIONS", "/files/{file}", Access::Public),
    route("GET", "/files/{file}", Access::May(Action::ChangeWork)),
    route("HEAD", "/files/{file}", Access::May(Action::ChangeWork)),
    route("PATCH", "/files/{file}", Access::May(Action::ChangeWork)),
    route("DELETE", "/files/{file}", Access::May(Action::ChangeWork)),
    route("GET", "/api/v1/samples/{sample}/archive", Access::May(Action::Download)),
    route("GET", "/api/v1/files/{file}/content", Access::May(Action::Download)),
    route("GET", "/api/v1/incidents", Access::May(Action::ReadInfected)),
    route("GET", "/api/v1/incidents/{file}/content", Access::May(Action::ReadInfected)),
    // pages
    route("GET", "/", Access::SignedIn),
    route("GET", "/sign-in", Access::Public),
    route("POST", "/sign-in", Access::Public),
    route("POST", "/sign-out", Access::SignedIn),
    route("GET", "/organisations/{organisation}", Access::SignedIn),
    route("GET", "/organisations/{organisation}/accent.css", Access::SignedIn),
    route("GET", "/assessments/{assessment}", Access::SignedIn),
    route("GET", "/samples/{sample}", Access::May(Action::ViewWork)),
    route("GET", "/samples/{sample}/documents", Access::May(Action::ViewWork)),
    route("GET", "/samples/{sample}/candidates/{number}/filing", Access::May(Action::ChangeWork)),
    route("GET", "/samples/{sample}/help", Access::See),
    route("POST", "/samples/{sample}/help", Access::May(Action::ChangeWork)),
    route("GET", "/samples/{sample}/upload-many", Access::May(Action::ChangeWork)),
    route("GET", "/samples/{sample}/plans/{plan}", Access::May(Action::ChangeWork)),
    route("POST", "/samples/{sample}/plans/{plan}", Access::May(Action::ChangeWork)),
    route("POST", "/samples/{sample}/plans/{plan}/discard", Access::May(Action::ChangeWork)),
    route("GET", "/samples/{sample}/files/{file}", Access::May(Action::ViewWork)),
    route("POST", "/samples/{sample}/files/{file}/delete", Access::May(Action::ChangeWork)),
    route("POST", "/samples/{sample}/files/{file}/restore", Access::May(Action::ChangeWork)),
    route("GET", "/samples/{sample}/files/{file}/move", Access::May(Action::ChangeWork)),
    route("POST", "/samples/{sample}/files/{file}/move", Access::May(Action::ChangeWork)),
    route(
        "GET",
        "/samples/{sample}/candidates/{number}/sections/{section}/missing",
        Access::May(Action::FlagMissing),
    ),
    route(
        "POST",
        "/samples/{sample}/candidates/{number}/sections/{section}/missing",
        Access::May(Action::FlagMissing),
    ),
    route(
        "POST",
        "/samples/{sample}/candidates/{number}/sections/{section}/missing/clear",
        Access::May(Action::FlagMissing),
    ),
    route(
        "GET",
        "/samples/{sample}/candidates/{number}/sections/{section}/other",
        Access::May(Action::NoteOtherMeans),
    ),
    route(
        "POST",
        "/samples/{sample}/candidates/{number}/sections/{section}/other",
        Access::May(Action::NoteOtherMeans),
    ),
    route(
        "POST",
        "/samples/{sample}/candidates/{number}/sections/{section}/other/clear",
        Access::May(Action::NoteOtherMeans),
    ),
    route(
        "GET",
        "/samples/{sample}/candidates/{number}/sections/{section}/fewer",
        Access::May(Action::FlagMissing),
    ),
    route(
        "POST",
        "/samples/{sample}/candidates/{number}/sections/{section}/fewer",
        Access::May(Action::FlagMissing),
    ),
    route(
        "POST",
        "/samples/{sample}/candidates/{number}/sections/{section}/fewer/clear",
        Access::May(Action::FlagMissing),
    ),
    route("GET", "/samples/{sample}/candidates/{number}/absent", Access::May(Action::FlagMissing)),
    route("POST", "/samples/{sample}/candidates/{number}/absent", Access::May(Action::FlagMissing)),
    route("POST", "/samples/{sample}/candidates/{number}/absent/clear", Access::May(Action::FlagMissing)),
    route("GET", SEND, Access::May(Action::ChangeWork)),
    route("POST", SEND, Access::May(Action::ChangeWork)),
    route("GET", "/samples/{sample}/documents/{document}/send", Access::May(Action::ChangeWork)),
    route("POST", "/samples/{sample}/documents/{document}/send", Access::May(Action::ChangeWork)),
    route("GET", "/samples/{sample}/missing", Access::May(Action::FlagMissing)),
    route("POST", "/samples/{sample}/missing", Access::May(Action::FlagMissing)),
    route("GET", "/samples/{sample}/check", Access::May(Action::ViewWork)),
    route("GET", "/samples/{sample}/declarations/{declaration}", Access::May(Action::Submit)),
    route("POST", "/samples/{sample}/declarations/{declaration}", Access::May(Action::Submit)),
    route("GET", "/samples/{sample}/submit", Access::May(Action::Submit)),
    route("POST", "/samples/{sample}/submit", Access::May(Action::Submit)),
    route("GET", "/samples/{sample}/submissions/{revision}", Access::May(Action::ReadSubmission)),
    route("GET", "/moderation", Access::SignedIn),
    route("GET", "/moderation/{sample}", Access::May(Action::ReadSubmission)),
    route("GET", "/moderation/{sample}/download", Access::May(Action::Download)),
    route("GET", "/moderation/{sample}/return", Access::May(Action::Return)),
    route("POST", "/moderation/{sample}/return", Access::May(Action::Return)),
    // the board's pages
    route("GET", "/board", Access::SignedIn),
    route("GET", "/board/import", Access::SignedIn),
    route("POST", "/board/import", Access::SignedIn),
    // A list is its person's alone.
    route("GET", "/board/import/{import}", Access::SignedIn),
    route("POST", "/board/import/{import}/apply", Access::SignedIn),
    route("POST", "/board/import/{import}/discard", Access::SignedIn),
    route("GET", "/board/progress/{assessment}/{component}", Access::SignedIn),
    route("GET", "/board/progress/{assessment}/{component}/extend", Access::SignedIn),
    route("POST", "/board/progress/{assessment}/{component}/extend", Access::SignedIn),
    route("GET", "/board/progress/{assessment}/{component}/naming", Access::SignedIn),
    route("POST", "/board/progress/{assessment}/{component}/naming", Access::SignedIn),
    route("GET", "/board/progress/{assessment}/{component}/outstanding", Access::SignedIn),
    route("GET", "/board/progress/{assessment}/{component}/outstanding.csv", Access::SignedIn),
    // whoever answers incidents
    route("GET", "/incidents", Access::May(Action::ReadInfected)),
    route("GET", "/incidents/{file}", Access::May(Action::ReadInfected)),
    route("POST", "/incidents/{file}", Access::May(Action::ReadInfected)),
    route("GET", "/help", Access::Public),
    route("GET", "/api/docs", Access::Public),
    route("GET", "/static/{hash}/{*name}", Access::Public),
    route("GET", "/favicon.ico", Access::Public),
];
