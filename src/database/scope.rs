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

/// The person is board staff or an auditor of the sample's organisation.
macro_rules! overseers {
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
pub(crate) use overseers;
