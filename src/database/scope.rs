//! Whose rows: the scope every query for a resource carries. Roles are read in the same statement, so one taken away
//! stops the next statement. The aliases are fixed: `s` is `samples`.

/// The person (given as a placeholder) works at the sample's centre, for its component.
macro_rules! centre_staff {
    ($person:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM roles r JOIN people p ON p.id = r.person_id WHERE r.person_id = ",
            $person,
            " AND p.disabled = 0 AND r.role IN ('teacher', 'officer') AND r.centre_number = s.centre_number",
            " AND (r.organisation_id = '' OR r.organisation_id = s.organisation_id)",
            " AND (r.component_id = '' OR r.component_id = s.component_id))"
        )
    };
}
pub(crate) use centre_staff;

/// The partial (alias `p`) is the person's, who works where it was begun: at its sample's centre for its component, or,
/// of one whose address named no sample, at its centre.
macro_rules! partial_theirs {
    ($person:literal) => {
        concat!(
            "(p.person_id = ",
            $person,
            " AND CASE WHEN p.sample_id IS NULL THEN EXISTS (SELECT 1 FROM roles r JOIN people w",
            " ON w.id = r.person_id WHERE r.person_id = ",
            $person,
            " AND w.disabled = 0 AND r.role IN ('teacher', 'officer') AND r.centre_number = p.centre_number)",
            " ELSE EXISTS (SELECT 1 FROM samples s WHERE s.id = p.sample_id AND ",
            $crate::database::scope::centre_staff!($person),
            ") END)"
        )
    };
}
pub(crate) use partial_theirs;

/// The sample is submitted and allocated to the person, who is a moderator of it.
macro_rules! allocated {
    ($person:literal) => {
        concat!(
            "(s.revision > 0 AND EXISTS (SELECT 1 FROM allocations a JOIN roles r ON r.person_id = a.person_id",
            " JOIN people p ON p.id = a.person_id WHERE a.person_id = ",
            $person,
            " AND p.disabled = 0 AND r.role IN ('moderator', 'lead_moderator')",
            " AND a.component_id = s.component_id AND a.series_id = s.series_id",
            " AND a.centre_number = s.centre_number",
            " AND (r.organisation_id = '' OR r.organisation_id = s.organisation_id)",
            " AND (r.centre_number = '' OR r.centre_number = s.centre_number)",
            " AND (r.component_id = '' OR r.component_id = s.component_id)))"
        )
    };
}
pub(crate) use allocated;

/// The person works for the board, or audits it, where the sample belongs.
macro_rules! overseer {
    ($person:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM roles r JOIN people p ON p.id = r.person_id WHERE r.person_id = ",
            $person,
            " AND p.disabled = 0 AND r.role IN ('board', 'auditor')",
            " AND (r.organisation_id = '' OR r.organisation_id = s.organisation_id)",
            " AND (r.centre_number = '' OR r.centre_number = s.centre_number)",
            " AND (r.component_id = '' OR r.component_id = s.component_id))"
        )
    };
}
pub(crate) use overseer;

/// The person answers incidents where the sample belongs.
macro_rules! responder {
    ($person:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM roles r JOIN people p ON p.id = r.person_id WHERE r.person_id = ",
            $person,
            " AND p.disabled = 0 AND r.role = 'incident'",
            " AND (r.organisation_id = '' OR r.organisation_id = s.organisation_id)",
            " AND (r.centre_number = '' OR r.centre_number = s.centre_number)",
            " AND (r.component_id = '' OR r.component_id = s.component_id))"
        )
    };
}
pub(crate) use responder;

/// The sample exists to the person at all.
macro_rules! visible {
    ($person:literal) => {
        concat!(
            "(",
            $crate::database::scope::centre_staff!($person),
            " OR ",
            $crate::database::scope::allocated!($person),
            " OR ",
            $crate::database::scope::overseer!($person),
            ")"
        )
    };
}
pub(crate) use visible;

/// The work as it stands now is the person's to see, files apart: its centre's and the board's always, its moderators'
/// while it is as it was submitted.
macro_rules! standing_visible {
    ($person:literal) => {
        concat!(
            "(",
            $crate::database::scope::centre_staff!($person),
            " OR ",
            $crate::database::scope::overseer!($person),
            " OR (s.state = 'submitted' AND ",
            $crate::database::scope::allocated!($person),
            "))"
        )
    };
}
pub(crate) use standing_visible;

/// The file (alias `f`) is the person's to see: all of the work for its centre and the board, what was submitted for
/// its moderators, also of a file that a later scan withdrew.
macro_rules! file_visible {
    ($person:literal) => {
        concat!(
            "(",
            $crate::database::scope::centre_staff!($person),
            " OR ",
            $crate::database::scope::overseer!($person),
            " OR (",
            $crate::database::scope::allocated!($person),
            " AND f.state IN ('accepted', 'quarantined') AND EXISTS (SELECT 1 FROM submission_files sf JOIN submissions b",
            " ON b.id = sf.submission_id WHERE sf.file_id = f.id AND b.sample_id = s.id",
            " AND b.revision = s.revision)))"
        )
    };
}
pub(crate) use file_visible;
