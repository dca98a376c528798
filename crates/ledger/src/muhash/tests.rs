use super::*;
use proptest::prelude::*;
use synod_primitives::hex;

/// The element that Core's unit test calls `FromInt(i)`.
fn element(i: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = i;
    bytes
}

/// The hash as Core shows it.
fn display(hash: &MuHash) -> String {
    let mut bytes = hash.finalize();
    bytes.reverse();
    hex::encode(bytes)
}

#[test]
fn the_vector_of_core_holds() {
    let mut hash = MuHash::new();
    hash.insert(&element(0));
    hash.insert(&element(1));
    hash.remove(&element(2));
    assert_eq!(
        display(&hash),
        "10d312b100cbd32ada024a6646e40d3482fcff103668d2625f10002a607d5863"
    );
}

#[test]
fn a_numerator_above_the_modulus_is_reduced_as_core_does() {
    let mut bytes = vec![0xff; Num3072::SIZE];
    bytes.push(1);
    bytes.resize(MuHash::SIZE, 0);
    let hash = MuHash::decode(&bytes).expect("a fraction");
    assert_eq!(
        hex::encode(hash.finalize()),
        "3a31e6903aff0de9f62f9a9f7f8b861de76ce2cda09822b90014319ae5dc2271"
    );
}

#[test]
fn the_encoding_begins_as_in_cores_vector_and_reads_back() {
    let mut hash = MuHash::new();
    hash.insert(&element(1));
    hash.insert(&element(2));
    let bytes = hash.encode();
    assert_eq!(
        hex::encode(&bytes[..32]),
        "1fa093295ea30a6a3acdc7b3f770fa538eff537528e990e2910e40bbcfd7f669"
    );
    assert_eq!(bytes[Num3072::SIZE], 1);
    assert_eq!(MuHash::decode(&bytes), Ok(hash));
    assert_eq!(MuHash::decode(&bytes[1..]), Err(CodecError::Truncated));
    let longer = [bytes, vec![0]].concat();
    assert_eq!(MuHash::decode(&longer), Err(CodecError::TrailingBytes));
    let zeros = vec![0; MuHash::SIZE];
    assert_eq!(MuHash::decode(&zeros), Err(CodecError::OutOfRange));
}

#[test]
fn the_empty_set_has_the_hash_of_one() {
    let mut one = [0; Num3072::SIZE];
    one[0] = 1;
    assert_eq!(MuHash::new().finalize(), sha256(&one));
    assert_eq!(MuHash::default(), MuHash::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn order_and_detours_do_not_matter(
        elements in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..12),
        cut in any::<prop::sample::Index>(),
        detour in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut forwards = MuHash::new();
        elements.iter().for_each(|element| forwards.insert(element));
        let mut backwards = MuHash::new();
        backwards.remove(&detour);
        elements.iter().rev().for_each(|element| backwards.insert(element));
        backwards.insert(&detour);
        let (left, right) = elements.split_at(cut.index(elements.len()));
        let mut combined = MuHash::new();
        left.iter().for_each(|element| combined.insert(element));
        let mut other = MuHash::new();
        right.iter().for_each(|element| other.insert(element));
        combined.combine(&other);
        prop_assert_eq!(forwards.finalize(), backwards.finalize());
        prop_assert_eq!(forwards.finalize(), combined.finalize());
        other.insert(&detour);
        combined.combine(&other);
        prop_assert_ne!(forwards.finalize(), combined.finalize());
    }
}
