//! In which order definitions that read each other are evaluated.

/// The indices of `needs` so that each comes after all it needs; among equals the order given is
/// kept. `needs[i]` lists what definition `i` needs.
///
/// # Errors
/// The indices of a cycle, each needing the next and the last the first.
pub fn dependency_order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut walk = Walk {
        needs,
        marks: vec![Mark::Fresh; needs.len()],
        path: Vec::new(),
        order: Vec::with_capacity(needs.len()),
    };
    for index in 0..needs.len() {
        walk.visit(index)?;
    }
    Ok(walk.order)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Fresh,
    Open,
    Done,
}

struct Walk<'a> {
    needs: &'a [Vec<usize>],
    marks: Vec<Mark>,
    /// The definitions under visit, each with its next need to look at: a stack of our own, so
    /// that a long chain cannot overflow the thread's.
    path: Vec<(usize, usize)>,
    order: Vec<usize>,
}

impl Walk<'_> {
    fn visit(&mut self, start: usize) -> Result<(), Vec<usize>> {
        self.open(start)?;
        while let Some((index, next)) = self.path.last_mut() {
            let index = *index;
            let need = self.needs.get(index).and_then(|needs| needs.get(*next));
            *next += 1;
            if let Some(need) = need.copied() {
                self.open(need)?;
            } else {
                self.mark(index, Mark::Done);
                self.order.push(index);
                self.path.pop();
            }
        }
        Ok(())
    }

    fn open(&mut self, index: usize) -> Result<(), Vec<usize>> {
        match self.marks.get(index) {
            Some(Mark::Fresh) => {
                self.mark(index, Mark::Open);
                self.path.push((index, 0));
                Ok(())
            }
            Some(Mark::Open) => {
                let path = self.path.iter().map(|(open, _)| *open);
                Err(path.skip_while(|open| *open != index).collect())
            }
            Some(Mark::Done) | None => Ok(()),
        }
    }

    fn mark(&mut self, index: usize, mark: Mark) {
        if let Some(own) = self.marks.get_mut(index) {
            *own = mark;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(needs: &[&[usize]], expected: Result<&[usize], &[usize]>) {
        let needs: Vec<_> = needs.iter().map(|needs| needs.to_vec()).collect();
        let order = dependency_order(&needs);
        assert_eq!(order.as_deref().map_err(Vec::as_slice), expected);
    }

    #[test]
    fn needs_come_first() {
        check(&[], Ok(&[]));
        check(&[&[], &[]], Ok(&[0, 1]));
        check(&[&[2], &[0], &[]], Ok(&[2, 0, 1]));
        check(&[&[1, 2], &[2], &[]], Ok(&[2, 1, 0]));
    }

    #[test]
    fn a_cycle_is_named() {
        check(&[&[0]], Err(&[0]));
        check(&[&[1], &[2], &[1]], Err(&[1, 2]));
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let needs: Vec<_> = (0..200_000_usize).map(|i| vec![i + 1]).collect();
        assert_eq!(dependency_order(&needs).unwrap().first(), Some(&199_999));
    }
}
