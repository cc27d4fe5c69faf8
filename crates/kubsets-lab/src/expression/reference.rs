//! What an expression looks at: names, paths and functions.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cel::IdedExpr;
use cel::common::ast::operators::{INDEX, OPT_SELECT};
use cel::common::ast::{EntryExpr, Expr, LiteralValue};

use super::ExpressionError;

/// Loops inside each other: `all` in `all` in `all` is as deep as it gets.
const DEEPEST_LOOP: usize = 3;
/// Depth of the tree. Macros and operators take one level each.
const DEEPEST_TREE: usize = 160;

/// A path and the part of the expression that gives its value.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) path: String,
    pub(super) tree: IdedExpr,
}

impl Reference {
    /// Whether this path leads on from another one.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self.path.strip_prefix(&other.path).is_some_and(|rest| rest.starts_with(['.', '[']))
    }
}

/// What an expression needs.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) names: BTreeSet<String>,
    pub(super) functions: BTreeSet<String>,
    pub(super) references: Vec<Reference>,
}

impl Survey {
    /// Looks through an expression.
    pub(super) fn of(tree: &IdedExpr) -> Result<Self, ExpressionError> {
        let mut survey = Self::default();
        survey.visit(tree, &mut Vec::new(), 0)?;
        Ok(survey)
    }

    /// `own` holds the variables of the loops around.
    fn visit(&mut self, tree: &IdedExpr, own: &mut Vec<String>, depth: usize) -> Result<(), ExpressionError> {
        if depth > DEEPEST_TREE {
            return Err(ExpressionError::TooDeep);
        }
        if let Some((root, path)) = path_of(tree) {
            if !root.starts_with('@') && !own.iter().any(|name| name == root) {
                self.add(root, path, tree);
            }
            return Ok(());
        }
        match &tree.expr {
            Expr::Call(call) => {
                if call.func_name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    self.functions.insert(call.func_name.clone());
                }
                for part in call.target.as_deref().into_iter().chain(&call.args) {
                    self.visit(part, own, depth + 1)?;
                }
            }
            Expr::Comprehension(inner) => {
                self.visit(&inner.iter_range, own, depth + 1)?;
                let before = own.len();
                own.push(inner.iter_var.clone());
                own.extend(inner.iter_var2.clone());
                if own.len() > 2 * DEEPEST_LOOP || (inner.iter_var2.is_none() && own.len() > DEEPEST_LOOP) {
                    return Err(ExpressionError::TooDeep);
                }
                for part in [&inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result] {
                    self.visit(part, own, depth + 1)?;
                }
                own.truncate(before);
            }
            Expr::List(list) => {
                for part in &list.elements {
                    self.visit(part, own, depth + 1)?;
                }
            }
            Expr::Select(select) => self.visit(&select.operand, own, depth + 1)?,
            Expr::Map(map) => {
                for entry in &map.entries {
                    self.entry(&entry.expr, own, depth)?;
                }
            }
            Expr::Struct(fields) => {
                self.functions.insert(fields.type_name.clone());
                for entry in &fields.entries {
                    self.entry(&entry.expr, own, depth)?;
                }
            }
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        }
        Ok(())
    }

    fn entry(
        &mut self,
        entry: &EntryExpr,
        own: &mut Vec<String>,
        depth: usize,
    ) -> Result<(), ExpressionError> {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, own, depth + 1),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, own, depth + 1)?;
                self.visit(&entry.value, own, depth + 1)
            }
        }
    }

    fn add(&mut self, root: &str, path: String, tree: &IdedExpr) {
        self.names.insert(root.to_owned());
        if self.references.iter().any(|reference| reference.path == path) {
            return;
        }
        let mut tree = tree.clone();
        // `has(a.b)` asks about `a.b`: its value says more than that it is there.
        if let Expr::Select(select) = &mut tree.expr {
            select.test = false;
        }
        self.references.push(Reference { path, tree });
    }
}

/// The root and the text of a path: a name, fields of it, elements by a literal.
fn path_of(tree: &IdedExpr) -> Option<(&str, String)> {
    let mut tail = Vec::new();
    let mut tree = tree;
    loop {
        match &tree.expr {
            Expr::Ident(name) => {
                let mut path = name.clone();
                tail.iter().rev().for_each(|part: &String| path.push_str(part));
                return Some((name, path));
            }
            Expr::Select(select) => {
                tail.push(format!(".{}", select.field));
                tree = &select.operand;
            }
            Expr::Call(call) if [INDEX, OPT_SELECT].contains(&call.func_name.as_str()) => {
                let [operand, key] = call.args.as_slice() else { return None };
                let Expr::Literal(literal) = &key.expr else { return None };
                tail.push(element(literal, call.func_name == OPT_SELECT)?);
                tree = operand;
            }
            _ => return None,
        }
    }
}

fn element(literal: &LiteralValue, is_field: bool) -> Option<String> {
    let mut text = String::new();
    match literal {
        LiteralValue::Int(index) => write!(text, "[{}]", index.inner()).ok()?,
        LiteralValue::String(field) if is_field => write!(text, ".{}", field.inner()).ok()?,
        LiteralValue::String(field) => write!(text, "[{:?}]", field.inner()).ok()?,
        _ => return None,
    }
    Some(text)
}
