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
