"""The showpieces of the eastern teams: Cara Losch's sellers and Rocco Neubert's."""

from deploy.local.demo.story import Case, Deal, Link, Meeting, Person, Shows, Stands

BETASOLOIN = Case(
    account="Betasoloin",
    note="CONTESTED on a weak foothold: our one friend judges and does not decide, and nobody knows where the"
    " top stands.",
    owner="corliss.cosme@example.com",
    region="Northeast",
    people=(
        Person("victor", "Victor Almeida", "President", "MANAGEMENT", "TOP", "H"),
        Person("susan", "Susan Whitfield", "Director of Laboratories", "MANAGEMENT", "MIDDLE", "H"),
        Person("yifan", "赵一凡", "Laboratory Systems Engineer", "TECHNICAL", "MIDDLE", "H"),
        Person("claire", "Claire Dubois", "Laboratory Technician", "USER", "BASE", "M"),
    ),
    links=(Link("susan", "REPORTS_TO", "victor"), Link("yifan", "REPORTS_TO", "susan")),
    deal=Deal(
        name="Sample tracking",
        product="MG Advanced",
        amount=118_700,
        closes_in=110,
        moves="ENGAGEMENT",
        begun_ago=45,
        budget="PLANNED",
        need="No sample may be handled twice.",
        shows=Shows("CONTESTED", "WEAK", "POINT", "NONE", "NM3"),
        map=(
            Stands("victor", "APPROVER", "UNKNOWN/2", "UNDECIDED"),
            Stands("susan", "DECISION_MAKER", "NEUTRAL/2", "UNDECIDED"),
            Stands("yifan", "EVALUATOR COACH", "FRIEND/2", "PRODUCT_FIT"),
            Stands("claire", "USER", "NEUTRAL/2", "UNAFFECTED"),
        ),
    ),
    meetings=(
        Meeting(
            -31, "TECH_EXCHANGE", "Barcodes or radio tags", "yifan", "Radio tags, if they survive steam."
        ),
        Meeting(
            -17, "INTERVIEW", "A day in the laboratory", "claire", "Logging costs an hour a day.", minutes=75
        ),
        Meeting(-3, "CALL", "Results of the steam test", "yifan", "Tags survive; he will tell Whitfield."),
        Meeting(9, "PRESENTATION", "Results for the director", "susan yifan", status="PLANNED"),
    ),
)

RANGREEN = Case(
    account="Rangreen",
    note="WEAK with a foothold that is only emerging: the decider prefers us, the evaluator strongly prefers"
    " another.",
    owner="boris.faz@example.com",
    region="Panama",
    people=(
        Person("isabel", "Isabel Rivas", "General Manager", "MANAGEMENT", "TOP", "M"),
        Person("mateo", "Mateo Quintero", "Operations Manager", "MANAGEMENT", "MIDDLE", "M"),
        Person("gustavo", "Gustavo Pardo", "Chief Engineer", "TECHNICAL", "MIDDLE", "H"),
        Person("ana", "Ana Batista", "Dispatcher", "USER", "BASE", "L"),
    ),
    links=(Link("mateo", "REPORTS_TO", "isabel"), Link("mateo", "CONFLICT", "gustavo")),
    deal=Deal(
        name="Lock gate monitoring",
        product="GTX Plus Pro",
        amount=305_000,
        closes_in=75,
        moves="ENGAGEMENT SHORTLIST",
        procurement="PUBLIC_TENDER",
        shows=Shows("WEAK", "EMERGING", "POINT", "NONE", "NM2"),
        map=(
            Stands("isabel", "APPROVER", "NEUTRAL/2", "UNAFFECTED"),
            Stands("mateo", "DECISION_MAKER", "SUPPORTER/2", "PRODUCT_FIT"),
            Stands("gustavo", "EVALUATOR", "OPPONENT/3", "BAD_EXPERIENCE"),
            Stands("ana", "USER COACH", "NEUTRAL/2", "NOT_INVOLVED"),
        ),
    ),
    meetings=(
        Meeting(-29, "SERVICE_FOLLOW", "What went wrong in the old project", "gustavo", "Late spare parts."),
        Meeting(-12, "PRODUCT_INTRO", "New monitoring units", "mateo", "Wants a trial at gate four."),
        Meeting(-1, "CALL", "Terms of a trial", "mateo", "Needs the chief engineer's signature.", minutes=35),
    ),
)

XX_HOLDING = Case(
    account="Xx-holding",
    note="A deal given up for want of a budget, with the moves that led there.",
    owner="cassey.cress@example.com",
    region="Northeast",
    people=(
        Person("harold", "Harold Finch", "Head of Trading Systems", "TECHNICAL", "MIDDLE", "M"),
        Person("nadia", "Nadia Rahman", "Treasurer", "FINANCE", "TOP", "H"),
    ),
    deal=Deal(
        name="Low-latency rack",
        product="GTK 500",
        amount=640_000,
        closes_in=20,
        moves="ENGAGEMENT SHORTLIST ABANDONED/NO_BUDGET",
        budget="NONE",
        shows=None,
        map=(
            Stands("harold", "EVALUATOR USER", "SUPPORTER/2", "PRODUCT_FIT"),
            Stands("nadia", "APPROVER FINANCE", "OPPONENT/2", "PRICE"),
        ),
    ),
    meetings=(
        Meeting(-40, "TECH_EXCHANGE", "Latency budget", "harold", "Our numbers hold."),
        Meeting(-14, "CALL", "Budget of next year", "nadia", "No money before summer.", minutes=20),
    ),
)

CASES = (BETASOLOIN, RANGREEN, XX_HOLDING)
