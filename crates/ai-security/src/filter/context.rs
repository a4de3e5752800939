//! Words before a number that say what it is, in several languages.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::candidate::CONTEXT;

/// Lists of such words.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Words {
    /// That come before telephone numbers, and before other things.
    Phone,
    /// That name a telephone.
    Telephone,
    /// Of numbers that are no telephones, whatever they look like.
    NoPhone,
    /// Of payment cards.
    Card,
    /// Of social security.
    SocialSecurity,
    /// Of versions of programs.
    Version,
    /// Of computers in a net.
    Host,
    /// Of national insurance.
    Insurance,
}

const PHONE: &str = "\
    tel|tel.|phone|phones|telephone|call|called|caller|calling|calls|dial|dialed|dialled\
    |mobile|cell|cellphone|fax|whatsapp|signal|sms|text me|texted|text him|text her|ring\
    |ring me|rang|reach|reached|hotline|landline|callback|call back|voicemail|extension\
    |my number|his number|her number|their number|number is|contact number|contact me\
    |contact us|contact|phone number|phone no|pager|handset|msisdn|line|viber|telegram\
    |telefon|telefonnummer|rufnummer|anrufen|anruf|rufen sie|ruf|handy|handynummer|mobil\
    |mobilnummer|durchwahl|rückruf|telefoon|telefoonnummer|bel|bellen|gsm|tlf|telefonnr\
    |puhelin|puhelinnumero|ring mig|téléphone|telephone|tél|appelez|appeler|appelle|joindre\
    |joignable|portable|telefono|telefonata|chiamare|chiamami|chiama|cellulare|recapito\
    |teléfono|móvil|movil|llame|llamar|llámame|llama|celular|telefone|telemóvel|ligue|ligar\
    |contato|contacto|telefonu|zadzwoń|dzwonić|komórka|komórkowy|zavolejte|телефон|тел|тел.\
    |звоните|позвоните|телефону|номер|дзвоніть|telefonla|arayın|ara|cep|电话|手机|電話|携帯|전화|연락처";
const TELEPHONE: &str = "\
    tel|tel.|phone|telephone|phone number|phone no|mobile|cellphone|cell phone|fax|whatsapp|sms|hotline\
    |landline|voicemail|msisdn|telefon|telefonnummer|rufnummer|handy|handynummer|mobilnummer|durchwahl\
    |telefoon|telefoonnummer|gsm|tlf|telefonnr|puhelin|téléphone|tél|portable|telefono|cellulare|teléfono\
    |móvil|celular|telefone|telemóvel|telefonu|komórka|телефон|телефону|тел|тел.|电话|手机|電話|携帯|전화|연락처";
const NO_PHONE: &str = "\
    isbn|issn|order|invoice|ticket|account|version|build|pid|port|id|ids|uid|timestamp|ts\
    |epoch|lat|lon|page|pages|tracking|sku|serial|imei|ean|doi|pmid|arxiv|rfc|sha|commit\
    |patent|bestellnummer";
const CARD: &str = "\
    card|cards|visa|mastercard|maestro|amex|karte|kreditkarte|carte|tarjeta|carta|cartão\
    |kart|karta|карта|карты|cc|pan|credit|debit|kort|kaart";
const SOCIAL_SECURITY: &str = "\
    ssn|ssns|social security|social-security|socialsecurity|social";
const VERSION: &str = "\
    version|versions|ver|ver.|v|v.|release|build|firmware|revision|rev|upgrade to\
    |upgraded to|update to|updated to|driver|section|clause|oid|chapter|kernel|patch|versión\
    |sdk";
const HOST: &str = "\
    ip|ips|ipv4|address|addr|adresse|dirección|host|server|dns|ping|from|nameserver|resolver\
    |gateway|client|login|traceroute|block|firewall|ssh|connect to|von|at";
const INSURANCE: &str = "\
    national insurance|nino|ni number|ni no|ni|insurance number";

static AUTOMATA: LazyLock<[Option<AhoCorasick>; 8]> = LazyLock::new(|| {
    [
        PHONE,
        TELEPHONE,
        NO_PHONE,
        CARD,
        SOCIAL_SECURITY,
        VERSION,
        HOST,
        INSURANCE,
    ]
    .map(|words| {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(words.split('|'))
            .ok()
    })
});

/// Whether one of `words` stands between borders of words within `reach` bytes before `at`.
pub(crate) fn preceded_by(text: &[u8], at: usize, reach: usize, words: Words) -> bool {
    let from = at.saturating_sub(reach.min(CONTEXT - 1));
    let near = text.get(from..at).unwrap_or_default();
    let automaton = AUTOMATA.get(words as usize).and_then(Option::as_ref);
    let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
    let bordered = |start: usize, end: usize| {
        let before = (from + start).checked_sub(1);
        !letter(near.get(end)) && !before.is_some_and(|before| letter(text.get(before)))
    };
    automaton.is_some_and(|automaton| {
        automaton
            .find_overlapping_iter(near)
            .any(|hit| bordered(hit.start(), hit.end()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_between_borders_and_within_reach() {
        for (text, expected) in [
            ("call me on ", true),
            ("Tel: ", true),
            ("in the hotel ", false),
            ("recalled ", false),
            ("Телефон: ", false),
            ("телефон: ", true),
            ("phone, or so they said when we asked about it: ", false),
        ] {
            assert_eq!(
                preceded_by(text.as_bytes(), text.len(), 40, Words::Phone),
                expected,
                "{text}"
            );
        }
    }
}
