//! The index finds what a look at every rule finds.

use proptest::collection::vec;
use proptest::prelude::*;

use super::cover::{conditions, rule, text};
use crate::policy::cover::covers;
use crate::policy::overlap::overlap;
use crate::policy::space::{Budget, Place, Placed, Space};
use crate::rules::Target;

const FILES: [&str; 3] = ["10.rules", "50.rules", "90.rules"];

fn rules() -> impl Strategy<Value = Vec<Placed<crate::rules::Rule>>> {
    let one = (conditions(3), any::<bool>(), 0..3usize);
    vec(one, 0..24).prop_map(|rules| {
        let placed = (1..).zip(rules).map(|(line, (conditions, accept, file))| {
            let mut rule = rule(&text(&conditions));
            if accept {
                rule.target = Target::Accept;
            }
            Placed {
                file: FILES[file].into(),
                line,
                rule: rule.into(),
            }
        });
        placed.collect()
    })
}

proptest! {
    #[test]
    fn as_by_looking_at_every_rule(
        rules in rules(), one in conditions(2), line in 0..30u32, file in 0..3usize, but in any::<bool>(), gone in any::<u32>(),
    ) {
        let one = rule(&text(&one));
        let mut space = Space::default();
        for placed in &rules {
            space.insert(placed.clone());
        }
        let (removed, rules): (Vec<_>, Vec<_>) = rules.into_iter().partition(|placed| gone & (1 << placed.line) == 0);
        for placed in &removed {
            space.remove(&placed.rule, placed.place());
        }
        let here: Place<'_> = (FILES[file], line);
        let but = but.then_some(FILES[1]);
        let others = || rules.iter().filter(|placed| Some(&*placed.file) != but);
        let cover = others().filter(|placed| placed.place() < here && covers(&placed.rule, &one));
        prop_assert_eq!(
            space.cover(&one, here, but, &mut Budget::new()),
            cover.map(Placed::place).min()
        );
        let deny = others().filter(|placed| {
            placed.place() > here && placed.rule.target == Target::Drop && overlap(&one, &placed.rule)
        });
        prop_assert_eq!(space.deny(&one, here, but, &mut Budget::new()), deny.map(Placed::place).min());
    }
}
