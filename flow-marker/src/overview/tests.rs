use super::*;

#[test]
fn nothing_is_known_at_first() {
    let facts = Facts::default();
    let overview = Overview::of(&facts);
    let questions = overview.answers().each_ref().map(|answer| answer.question);
    assert_eq!(
        questions,
        ["causing", "believe", "hot", "work", "broken", "changed"]
    );
    for answer in overview.answers() {
        assert!(answer.text.ends_with('.'), "{answer:?}");
    }
    assert_eq!(overview.answers()[1].level, Level::Bad, "no agent was heard");
}
