//! The same values in other words: prose in several languages, configuration, code, logs.

use super::cases::{made_up, standard};

/// Texts and the kinds that must be found in them, in order.
const FOUND: &[(&str, &[&str])] = &[
    (
        "Ping me at john.o'neil+work@mail.example.co.uk!",
        &["EMAIL"],
    ),
    (
        "<jane@example.org>, \"Bob\" <bob@example.org>",
        &["EMAIL", "EMAIL"],
    ),
    (
        "mailto:jane_doe99@sub.example.museum?subject=hi",
        &["EMAIL"],
    ),
    ("Visa 4111111111111111 exp 12/27 cvv 123", &["CREDIT_CARD"]),
    ("card=5555-5555-5555-4444&amount=10", &["CREDIT_CARD"]),
    ("{\"pan\":\"378282246310005\"}", &["CREDIT_CARD"]),
    (
        "Meine Kartennummer lautet 6011 1111 1111 1117.",
        &["CREDIT_CARD"],
    ),
    ("Diners 3056 930902 5904 thanks", &["CREDIT_CARD"]),
    ("IBAN: DE89370400440532013000, BIC COBADEFFXXX", &["IBAN"]),
    (
        "Bitte auf FR14 2004 1010 0505 0001 3M02 606 zahlen",
        &["IBAN"],
    ),
    ("konto no93 8601 1117 947", &["IBAN"]),
    ("ssn=536-90-4399;", &["US_SSN"]),
    ("Her Social Security number is 536904399.", &["US_SSN"]),
    ("social security no. 536 90 4399", &["US_SSN"]),
    ("NI number: AB 12 34 56 C", &["UK_NINO"]),
    ("nino jk123456a please", &["UK_NINO"]),
    (
        "Failed password for root from 81.2.69.142 port 22 ssh2",
        &["IP_ADDRESS"],
    ),
    ("client=[2a00:1450:4009:80b::200e]:443", &["IP_ADDRESS"]),
    ("81.2.69.142 - - [10/Oct/2026] \"GET /\"", &["IP_ADDRESS"]),
    ("curl http://81.2.69.142:8080/", &["IP_ADDRESS"]),
    ("Ring me: 07700 900982", &["PHONE"]),
    ("Telefon: 030/1234567", &["PHONE"]),
    ("appelez le 06 12 34 56 78 demain", &["PHONE"]),
    ("llámame al 612 345 678", &["PHONE"]),
    ("WhatsApp +55 11 91234-5678", &["PHONE"]),
    ("(555) 234-5678 ext. 12 is my desk", &["PHONE"]),
    ("+49 (0) 30 901820", &["PHONE"]),
    ("text me on 4155552671", &["PHONE"]),
    ("tel:+81-3-1234-5678", &["PHONE"]),
    ("my number is 212.555.0187", &["PHONE"]),
    ("手机 13812345678", &["PHONE"]),
    ("Tlf. 22334455", &["PHONE"]),
    ("export STRIPE_SECRET=sk_live_<alnum:40>", &["STRIPE_KEY"]),
    (
        "  stripe_key: rk_test_<alnum:24>  # rotate",
        &["STRIPE_KEY"],
    ),
    ("ENV GITHUB_TOKEN ghs_<alnum:36>", &["GITHUB_TOKEN"]),
    (
        "I pushed github_pat_<alnum:22>_<alnum:59> by accident",
        &["GITHUB_TOKEN"],
    ),
    (
        "remote: https://oauth2:ghp_<alnum:36>@github.com/a/b.git",
        &["GITHUB_TOKEN"],
    ),
    (
        "npm config set //registry.npmjs.org/:_authToken npm_<alnum:36>",
        &["NPM_TOKEN"],
    ),
    ("login(token='hf_<alpha:34>')", &["HF_TOKEN"]),
    ("password = pypi-AgEIcHlwaS5vcmc<word:80>", &["PYPI_TOKEN"]),
    (
        "api key is AIza<word:35>, do not share",
        &["GOOGLE_API_KEY"],
    ),
    (
        "OpenAI(api_key='sk-proj-<word:74>T3BlbkFJ<word:74>')",
        &["OPENAI_KEY"],
    ),
    ("key: sk-<alnum:20>T3BlbkFJ<alnum:20>", &["OPENAI_KEY"]),
    (
        "slack_token: xoxp-<digit:12>-<digit:12>-<digit:12>-<hex:32>",
        &["SLACK_TOKEN"],
    ),
    (
        "curl -X POST https://hooks.slack.com/services/T<upper:8>/B<upper:10>/<alnum:24>",
        &["SLACK_WEBHOOK"],
    ),
    ("id_token=eyJ<word:30>.eyJ<word:60>.<word:43>", &["JWT"]),
    (
        "Cookie: session=eyJ<word:30>.eyJ<word:60>.<word:43>; a=b",
        &["JWT"],
    ),
    (
        "aws configure set aws_secret_access_key <b64:40>",
        &["AWS_SECRET_KEY"],
    ),
    (
        "AKIA<upper:16> / <b64:40>",
        &["AWS_ACCESS_KEY", "AWS_SECRET_KEY"],
    ),
    (
        "accessKeyId: 'AKIA<upper:16>', secretAccessKey: '<b64:40>'",
        &["AWS_ACCESS_KEY", "AWS_SECRET_KEY"],
    ),
    (
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=<b64:86>==",
        &["AZURE_STORAGE_KEY"],
    ),
    (
        "the azure storage account key: <b64:86>==",
        &["AZURE_STORAGE_KEY"],
    ),
    (
        "-----BEGIN OPENSSH PRIVATE KEY-----\\n<b64:64>\\n<b64:40>=\\n-----END OPENSSH PRIVATE KEY-----",
        &["PRIVATE_KEY"],
    ),
    (
        "key = \"\"\"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,<hex:32>\n\n<b64:64>\n-----END RSA PRIVATE KEY-----\"\"\"",
        &["PRIVATE_KEY"],
    ),
    (
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n<b64:64>\n=<b64:4>\n-----END PGP PRIVATE KEY BLOCK-----",
        &["PRIVATE_KEY"],
    ),
    (
        "mongodb+srv://app:<alnum:12>@cluster0.example.mongodb.net/db",
        &["URL_PASSWORD"],
    ),
    (
        "clone https://bob:s3cr3t!x@git.example.com/x",
        &["URL_PASSWORD"],
    ),
    ("redis://:<alnum:16>@cache:6379/0", &["URL_PASSWORD"]),
    ("the wifi password is Sommer2024!", &["PASSWORD"]),
    ("pw: tr0ub4dor&3", &["PASSWORD"]),
    ("user=admin password=Xk29_vbQ", &["PASSWORD"]),
    ("Ist mein Passwort \"Gh7#kkP2x\" sicher?", &["PASSWORD"]),
    ("mon mot de passe : Jardin_2931", &["PASSWORD"]),
    ("mi contraseña es Lluvia2024$", &["PASSWORD"]),
    (
        "I use Tr1cky_pa5s as my password; password: Tr1cky_pa5s",
        &["PASSWORD"],
    ),
    ("sshpass -p 'Kx93!mPq' ssh root@host", &["PASSWORD"]),
    ("mysql://root@localhost", &[]),
];

/// Texts in which nothing must be found.
const CLEAN: &[&str] = &[
    "request 3f2504e0-4f89-11d3-9a0c-0305e82c3301 failed after 1732012345678 ns",
    "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709, md5 d41d8cd98f00b204e9800998ecf8427e",
    "git checkout 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "integrity: sha512-<b64:86>==",
    "ISBN-13: 978-3-16-148410-0, ISBN-10 3-16-148410-X",
    "Order #4929-0001-2345 from 2026-11-22 10:15:30",
    "tracking number 1Z999AA10123456784",
    "v1.2.3.4 and 10.0.0.1 and 192.168.0.254 and 127.0.0.1 and 203.0.113.9",
    "the ratio is 3.14159265358979 to 2.718281828459045",
    "population 331 002 651 in 2020, up from 308 745 538",
    "https://example.com/a/b?page=2&sort=asc#top and user@ and @handle",
    "import { x } from '@scope/pkg@1.2.3'; icon@2x.png",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ<b64:200> me",
    "-----BEGIN CERTIFICATE-----\n<b64:64>\n-----END CERTIFICATE-----",
    "The file begins with -----BEGIN RSA PRIVATE KEY----- and then lines of base64.",
    "Use your AWS keys: AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY.",
    "set OPENAI_API_KEY=sk-... or ${OPENAI_API_KEY} or <your-api-key>",
    "const password = getPassword(); if (!password) throw new Error('no password');",
    "password: { type: String, required: true, minlength: 8 }",
    "Authorization: Bearer <token>",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "max_tokens: 4096, tokenizer: cl100k_base, token_count=1523",
    "The secret to a good soup is patience. The key to success is work.",
    "call stack depth 12345678 exceeded; line 20231122 of the log",
    "lat 59.9138688, lon 10.7522454, alt 12.3",
    "std::vec::Vec::<u8>::new() and a::b::c and 12:30:45 and de:ad:be:ef",
    "2026-11-22T10:15:30.123456789Z 1700000000 1700000000000",
    "part no. 4006381333931, EAN 4006381333931",
    "+1 for this idea, -1 for that, 5+12345678 is 12345683",
    "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
    "Password requirements: at least 8 characters, 1 digit (0-9) and 1 symbol (!@#$).",
    "passwords for accounts like admin/guest are weak",
];

#[test]
fn values_are_found_in_other_words() {
    let filter = standard();
    let mut wrong = Vec::new();
    for (text, kinds) in FOUND {
        let text = made_up(text, "wording");
        let found = filter.find(&text);
        let named: Vec<_> = found.iter().map(|m| m.kind.as_str()).collect();
        if named != *kinds {
            wrong.push(format!("{text:?}: {named:?}, not {kinds:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} texts:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_only_resembles_them_is_left_alone() {
    let filter = standard();
    let mut wrong = Vec::new();
    for text in CLEAN {
        let text = made_up(text, "clean");
        for m in filter.find(&text) {
            let value = text.get(m.span).unwrap();
            wrong.push(format!("{text:?}: {} {value:?}", m.rule));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} finds:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
