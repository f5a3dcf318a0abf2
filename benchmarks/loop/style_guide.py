"""Questions about a style guide that nobody has written, and their answers: no model can know them."""

STYLE_GUIDE = (
    (
        "How wide may a line of code be in our style guide?",
        "In our style guide a line of code may be one hundred and eight characters wide.",
    ),
    (
        "Which prefix do our feature flags carry?",
        "Our feature flags carry the prefix lantern, followed by the name of the owning service.",
    ),
    (
        "What is the logging module called that our services import?",
        "Every service imports the logging module called lighthouse and never the standard one.",
    ),
    (
        "How do we name test functions that cover a bug?",
        "A test function that covers a bug begins with regression and ends with the ticket number.",
    ),
    (
        "Which exception do our adapters raise when a partner is silent?",
        "Our adapters raise the exception QuietPartner when an outside system does not answer in time.",
    ),
    (
        "Where do our scripts write temporary files?",
        "Our scripts write temporary files into the folder called sandpit, which is emptied every night.",
    ),
    (
        "What has to stand in the first line of a migration?",
        "The first line of a migration has to state in a comment how it is reversed.",
    ),
    (
        "How many reviewers does a change of the billing package need?",
        "A change of the billing package needs three reviewers, and one of them comes from finance.",
    ),
)
