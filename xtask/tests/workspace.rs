//! What must hold for the workspace as a whole.

#[test]
fn arrows_between_crates_point_down() {
    let violations = xtask::layers::violations().expect("cargo metadata");
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn everything_linked_has_a_licence_that_goes_with_ours() {
    let violations = xtask::licences::violations().expect("cargo metadata");
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn every_attack_in_the_list_has_a_test_that_exists() {
    let violations = xtask::attacks::violations().expect("the list");
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn every_program_is_built_by_a_black_box_test_of_its_own() {
    let violations = xtask::programs::violations().expect("cargo metadata");
    assert!(violations.is_empty(), "{violations:#?}");
}
