//! Whether everybody can read and use what is shown, by the WCAG 2.2 at level AA as far as a program can judge it.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Browser, key};

/// More stops of the focus than any page has that a person would go through by keyboard.
const MOST_STOPS: usize = 400;

impl Browser {
    /// Text that is shown with less contrast to what is behind it than 4.5:1, or 3:1 where it is large (WCAG 1.4.3), a
    /// line each; what has a picture or a gradient behind it is told of, too, since nothing can be said of it.
    ///
    /// # Errors
    /// There is no page.
    pub fn faint(&self) -> Result<Vec<String>> {
        strings(&self.run(include_str!("contrast.js"))?)
    }

    /// Buttons, links, inputs, tables, pictures and dialogs without a name for those who do not see them (WCAG 4.1.2).
    ///
    /// # Errors
    /// There is no page.
    pub fn nameless(&self) -> Result<Vec<String>> {
        const NAMED: &str = "button, a[href], input:not([type=hidden]), select, textarea, summary, dialog, table, nav, section[role], \
            canvas, img, svg[role=img], [role=button], [role=tab], [role=checkbox], [role=switch], [role=region], [role=dialog], [tabindex='0']";
        let mut nameless = Vec::new();
        for element in self.find_all(NAMED)? {
            // What is live may be gone already, and what is hidden needs none.
            let Ok(outline) = self.run_with(OUTLINE, &element.reference()) else {
                continue;
            };
            if let Some(outline) = outline.as_str()
                && self.label(&element).is_ok_and(|label| label.trim().is_empty())
            {
                nameless.push(outline.to_owned());
            }
        }
        Ok(nameless)
    }

    /// Goes through the page with the tabulator and returns what is wrong with that: what can be used and is not reached,
    /// and what does not show that it has the focus (WCAG 2.1.1, 2.4.7). And how many stops there were.
    ///
    /// # Errors
    /// There is no page, or the focus never comes back to its beginning.
    pub fn keyboard(&self) -> Result<(usize, Vec<String>)> {
        const FOCUS: &str = include_str!("focus.js");
        let ask = |what: &str| self.run_with(FOCUS, &Value::from(what));
        ask("begin")?;
        let mut stops = 0;
        while stops < MOST_STOPS {
            self.press(key::TAB)?;
            if ask("stop")? == false {
                return Ok((stops, strings(&ask("end")?)?));
            }
            stops += 1;
        }
        anyhow::bail!("the focus does not come to an end: {}", ask("end")?)
    }
}

/// Where an element is, for people; null when it is not shown, or is behind a question that must be answered first.
const OUTLINE: &str = "const [e] = arguments, modal = document.querySelector('dialog:modal'); \
    return e.checkVisibility({visibilityProperty: true}) && (!modal || modal.contains(e)) ? e.outerHTML.slice(0, 160) : null";

fn strings(list: &Value) -> Result<Vec<String>> {
    let list = list.as_array().context("no list")?;
    Ok(list
        .iter()
        .map(|text| text.as_str().unwrap_or_default().to_owned())
        .collect())
}
