//! Any bytes as the body of a flow definition: no panic; a refusal points at a word of the attribute; what is accepted
//! compiles, and prints to JSON that means the same.
#![no_main]

use flow_marker::api::relaxed;
use flow_marker::flow::Definition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(body) = relaxed::read(data) else { return };
    match Definition::from_json(&body) {
        Ok(definition) => {
            definition.compile().expect("what was read compiles");
            assert!((1..=1000).contains(&definition.n));
            assert!((0.2..=600.0).contains(&definition.t));
            let printed = serde_json::to_value(&definition).expect("it is only text and numbers");
            let mut again = Definition::from_json(&printed).expect("what was printed is read");
            again.ignored.clone_from(&definition.ignored);
            assert_eq!(again, definition, "{printed}");
        }
        Err(wrong) => {
            let rest = wrong.text.get(wrong.fault.at..).expect("it points into the text");
            assert!(rest.starts_with(&wrong.fault.word), "{wrong}");
        }
    }
});
