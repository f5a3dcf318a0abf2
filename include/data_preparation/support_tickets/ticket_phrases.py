"""Phrases that generated support tickets are put together from. {name} marks what is filled in."""

FIRST_NAMES = (
    "Maria Anna James Olga Wei Fatima Lars Priya Diego Aisha Tomasz Yuki Grace Ahmed Chloe Ivan Sofia Kwame Elena "
    "Rajesh Ingrid Mateo Hannah Oluwaseun Peter Nadia Lucas Mei Omar Emily Jan Carmen Viktor Zainab Daniel Amelie"
)
LAST_NAMES = (
    "Gonzalez Schmidt Okafor Ivanova Chen Rahman Lindqvist Sharma Fernandez Khan Kowalski Tanaka Thompson Hassan "
    "Dubois Petrov Rossi Mensah Popescu Patel Hansen Silva Weber Adeyemi Novak Haddad Martin Wong Farouk Clarke "
    "Vermeer Moreno Horvath Bello O'Brien Laurent"
)
STREETS = (
    "{n} Oak Street, Springfield, IL {zip}",
    "{n} Maple Avenue, Portland, OR {zip}",
    "Hauptstraße {n}, {zip} Berlin",
    "{n} rue Lafayette, {zip} Paris",
    "{n} King's Road, London SW3 4ND",
    "Lindenweg {n}, {zip} Hamburg",
    "{n} Harbour View Road, Apt 4B, Halifax",
    "{n} Elm Drive, Austin, TX {zip}",
)
PHONES = ("+49 30 {a}{b}", "({c}) 555-{b}", "+1 {c}-555-{b}", "+44 20 7946 {b}", "{c}-555-{b}", "+33 1 45 67 {d} {e}")
MAIL_HOSTS = ("example.com", "example.org", "mail.example.net", "corp.example.com")

PRODUCTS = ("build farm", "package index", "notebook service", "job scheduler", "data API", "model registry")
CHANNELS = ("mail", "portal", "chat", "phone")
PRIORITIES = ("low", "normal", "high", "urgent")

GREETINGS = (
    "Hello,",
    "Hi team,",
    "Good morning,",
    "Dear support,",
    "Hi there,",
    "Hello, this is {person}.",
    "My name is {person}.",
)
PROBLEMS = {
    "access": (
        "I cannot log in to the {product} since {date}; the second factor is never accepted.",
        "Please reset my password for the {product}. The link in the mail has expired.",
        "Our new colleague {person} needs read permission on the {product}.",
        "My account on the {product} is locked after {count} failed attempts.",
        "Single sign-on sends me back to the login page of the {product} every time.",
        "The access token for the {product} was revoked and I am not allowed to create another.",
    ),
    "billing": (
        "Invoice {number} for the {product} was charged twice in {month}.",
        "Please refund the {count} seats of the {product} that we cancelled on {date}.",
        "The payment for the {product} fails although the card is valid.",
        "Invoice {number} shows the wrong tax rate for our subscription of the {product}.",
        "We were billed for {count} users of the {product} but have only two.",
        "Our purchase department needs a credit note for invoice {number}.",
    ),
    "bug": (
        "The client of the {product} raises {error} in version {version} when the input is empty.",
        "Since the update to {version}, the {product} returns an empty page for every search.",
        "Uploading {count} files to the {product} ends with {error}, the traceback is attached.",
        "The export of the {product} writes dates as {date} instead of ISO format.",
        "After {count} retries our script stops with {error}; version {version} did not do this.",
        "The {product} shows the wrong total after sorting a table by name, a regression of {version}.",
    ),
    "outage": (
        "The {product} is down since {time}, every request times out.",
        "All {count} workers of the {product} are unreachable and the status page says nothing.",
        "We see error 503 from the {product} in both regions since {time} today.",
        "The {product} is extremely slow: {count} seconds for a request that took one before.",
        "Nobody in our office can reach the {product}; the gateway does not answer.",
        "The nightly run failed because the {product} was not available between {time} and midnight.",
    ),
    "how-to": (
        "How do I schedule a job in the {product} that runs every {count} minutes?",
        "Is there an example of streaming results from the {product} with version {version}?",
        "Where can I find the documentation for the command line of the {product}?",
        "Could you explain how to move {count} projects from the {product} to another workspace?",
        "What is the recommended way to pin a dependency to {version} in the {product}?",
        "How can we export the audit log of the {product} for {month}?",
    ),
}
DETAILS = (
    "It happens on {count} machines with Python 3.{minor}.",
    "We already restarted everything and cleared the cache.",
    "A colleague in another team sees the same.",
    "This blocks our release on {date}.",
    "It worked until last week.",
    "Nothing was changed on our side.",
    "I could reproduce it in a fresh environment.",
    "The log says `{error}` and nothing else.",
    "There is no hurry, but an answer before {date} would help.",
    "We run the {product} with the default settings.",
    "I attached the configuration and the last {count} lines of output.",
    "The same steps work in the test environment.",
    "Our customers are waiting for {count} hours now.",
    "Neither the guide nor the release notes of {version} mention it.",
)
CONTACTS = (
    "You can reach me at {email} or {phone}.",
    "Please call me back on {phone}.",
    "Send the answer to {email}.",
    "My customer account is {account}.",
    "The requests come from {ip}.",
    "Please charge the card {card} instead.",
    "Our bank account is {iban}.",
    "Ship the token to {address}.",
    "Please ask {person} for the details, {email}.",
    "The host that fails has the address {ip}.",
    "Our office moved to {address}.",
    "{person} from our team can give you the logs.",
    "Account number {account}, phone {phone}.",
)
CLOSINGS = ("Thanks,\n{person}", "Best regards,\n{person}", "Regards, {person}", "Thank you!", "Cheers,\n{person}", "")
FOREIGN = (
    "Guten Tag, seit gestern Abend kann ich mich nicht mehr anmelden. Bitte setzen Sie mein Kennwort zurück. "
    "Sie erreichen mich unter {email}. Mit freundlichen Grüßen, {person}",
    "Bonjour, la facture {number} a été débitée deux fois ce mois-ci. Merci de me rembourser rapidement. "
    "Vous pouvez m'appeler au {phone}. Cordialement, {person}",
)
SOLUTIONS = (
    "Update: solved by a restart of the {product}.",
    "Update: the cause was a wrong setting on our side.",
    "Update: the problem came back once and is now solved.",
)
ERRORS = ("KeyError: 'id'", "TimeoutError", "ValueError", "ConnectionResetError", "UnicodeDecodeError", "MemoryError")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
