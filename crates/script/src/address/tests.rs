use super::*;

fn every_kind() -> Vec<Address> {
    let witness = |version, program: &[u8]| {
        let address = WitnessAddress::new(version, program);
        Address::Witness(address.expect("a program"))
    };
    vec![
        Address::P2pkh([1; 20]),
        Address::P2sh([2; 20]),
        witness(0, &[3; 20]),
        witness(0, &[4; 32]),
        witness(1, &[5; 32]),
        witness(1, &[0x4e, 0x73]),
        witness(2, &[6; 40]),
        witness(16, &[7; 2]),
    ]
}

#[test]
fn addresses_read_back_on_every_network() {
    for network in Network::ALL {
        for address in every_kind() {
            let text = address.format(network);
            assert_eq!(Address::parse(&text, network), Ok(address), "{text}");
            let script = address.script_pubkey();
            assert_eq!(Address::from_script(script.as_bytes()), Some(address));
        }
    }
}

#[test]
fn an_address_of_another_network_is_named_as_such() {
    let expected = Network::Regtest;
    for address in every_kind() {
        let text = address.format(Network::Main);
        let error = Address::parse(&text, expected).expect_err("of the main network");
        assert_eq!(error, AddressError::OtherNetwork { expected });
        assert!(error.to_string().starts_with("address of another network"));
    }
    let test = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
    assert!(Address::parse(test, Network::Test).is_ok());
    assert_eq!(
        Address::parse(test, expected),
        Err(AddressError::OtherNetwork { expected })
    );
}

#[test]
fn text_that_is_no_address_says_why() {
    let parse = |text: &str| Address::parse(text, Network::Regtest);
    assert!(matches!(
        parse(""),
        Err(AddressError::Base58(_) | AddressError::Length(0))
    ));
    assert!(matches!(parse("nonsense0"), Err(AddressError::Base58(_))));
    assert_eq!(parse(&"1".repeat(91)), Err(AddressError::TooLong));
    assert!(matches!(parse("bcrt1qqqq"), Err(AddressError::Bech32(_))));
    let text = Base58CkString::encode_unbounded(&[0x6f; 20]).to_string();
    assert_eq!(parse(&text), Err(AddressError::Length(20)));
    let text = Base58CkString::encode_unbounded(&[0x70; 21]).to_string();
    assert_eq!(parse(&text), Err(AddressError::UnknownPrefix(0x70)));
    let mut text = Address::P2pkh([1; 20]).format(Network::Regtest);
    text.pop();
    assert!(matches!(parse(&text), Err(AddressError::Base58(_))));
    assert!(matches!(parse("é"), Err(AddressError::Base58(_))));
}

#[test]
fn scripts_without_an_address_have_none() {
    for script in [&[][..], &[0x51], &[0x6a, 1, 1], &[0, 2, 1, 1]] {
        assert_eq!(Address::from_script(script), None);
    }
    assert_eq!(WitnessAddress::new(17, &[1; 32]), None);
    assert_eq!(WitnessAddress::new(0, &[1; 31]), None);
    assert_eq!(WitnessAddress::new(1, &[1; 41]), None);
    assert_eq!(WitnessAddress::new(1, &[1; 1]), None);
}
