//! What each byte is, looked up instead of worked out.

/// Makes a constant table: for each byte, what the expression says of it when compiled.
macro_rules! byte_table {
    ($(#[$meta:meta])* $name:ident: $of:ty = |$byte:ident| $what:expr) => {
        $(#[$meta])*
        const $name: [$of; 256] = {
            const fn say($byte: u8) -> $of {
                $what
            }
            let mut table = [say(0); 256];
            let mut byte: u8 = 0;
            while byte < u8::MAX {
                byte += 1;
                #[expect(clippy::indexing_slicing, reason = "evaluated when compiled")]
                {
                    table[byte as usize] = say(byte);
                }
            }
            table
        };
    };
}

pub(crate) use byte_table;
