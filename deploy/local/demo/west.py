"""The showpieces of the western teams: Celia Rouche's sellers and Summer Sewald's."""

from deploy.local.demo.story import Case, Deal, Link, Meeting, Person, Shows, Stands

GANJAFLEX = Case(
    account="Ganjaflex",
    note="HOSTILE: the approver works against us, and our only friend sits on the shop floor.",
    owner="rosalina.dieter@example.com",
    region="Japan",
    target_type="MODIFIED_REBUY_TARGET",
    people=(
        Person("takeshi", "Takeshi Mori", "Executive Vice President", "MANAGEMENT", "TOP", "H"),
        Person("yuki", "Yuki Tanaka", "Store Operations Director", "MANAGEMENT", "MIDDLE", "M"),
        Person("daniel", "Daniel Cho", "Store Systems Lead", "TECHNICAL", "MIDDLE", "M"),
        Person("meiling", "许美玲", "Store Manager", "USER", "BASE", "M", "MESSENGER"),
    ),
    links=(
        Link("yuki", "REPORTS_TO", "takeshi"),
        Link("takeshi", "CONFLICT", "yuki", "Two plans for the same stores."),
    ),
    deal=Deal(
        name="Checkout renewal, 120 stores",
        product="GTX Plus Pro",
        amount=1_860_000,
        closes_in=35,
        moves="ENGAGEMENT SHORTLIST BIDDING",
        procurement="INVITED_TENDER",
        budget="APPROVED",
        entry="BOTTOM_UP",
        tactic="FLANK",
        shows=Shows("HOSTILE", "WEAK", "NARROW", "NONE", "NM3"),
        map=(
            Stands("takeshi", "APPROVER", "ENEMY/2", "RIVAL_TIE", changeable="NO"),
            Stands("yuki", "DECISION_MAKER", "NEUTRAL/2", "UNDECIDED"),
            Stands("daniel", "EVALUATOR", "SUPPORTER/2", "PRODUCT_FIT"),
            Stands("meiling", "USER COACH", "FRIEND/2", "PERSONAL_TRUST"),
        ),
    ),
    meetings=(
        Meeting(-50, "VISIT", "Pilot store in Osaka", "meiling", "Queues are a third shorter.", minutes=90),
        Meeting(-27, "TECH_EXCHANGE", "Payment terminals", "daniel", "Certification is no obstacle."),
        Meeting(-10, "EXEC_MEETING", "Introduction to the executive", "takeshi", status="CANCELLED"),
        Meeting(7, "TRACK_RECORD", "Figures of the pilot store", "yuki daniel", status="PLANNED"),
    ),
)

UMBRELLA = Case(
    account="Umbrella Corporation",
    note="HOSTILE by weight: supporters there are, yet what stands against us weighs four times as much.",
    owner="zane.levy@example.com",
    region="West",
    people=(
        Person("alice", "Alice Marlow", "Chief Operating Officer", "MANAGEMENT", "TOP", "M"),
        Person("hugo", "Hugo Lindgren", "Head of Facilities", "MANAGEMENT", "MIDDLE", "M"),
        Person("priscilla", "Priscilla Vance", "Security Architect", "TECHNICAL", "MIDDLE", "H"),
        Person("samuel", "Samuel Koh", "Purchasing", "PROCUREMENT", "MIDDLE", "M"),
        Person("lihua", "李华", "Facility Operator", "USER", "BASE", "L"),
    ),
    links=(Link("hugo", "REPORTS_TO", "alice"), Link("priscilla", "ALLY", "samuel")),
    deal=Deal(
        name="Access control, head office",
        product="MG Advanced",
        amount=142_000,
        closes_in=85,
        moves="ENGAGEMENT SHORTLIST",
        shows=Shows("HOSTILE", "EMERGING", "NARROW", "NONE", "NM2"),
        map=(
            Stands("alice", "APPROVER", "NEUTRAL/2", "NOT_INVOLVED"),
            Stands("hugo", "DECISION_MAKER", "SUPPORTER/1", "PRODUCT_FIT"),
            Stands("priscilla", "EVALUATOR", "ENEMY/2", "THREAT_TO_STANDING", changeable="HARD"),
            Stands("samuel", "PROCUREMENT", "OPPONENT/2", "PRICE"),
            Stands("lihua", "USER COACH", "SUPPORTER/2", "PERSONAL_TRUST"),
        ),
    ),
    meetings=(
        Meeting(-22, "VISIT", "Round of the building", "lihua", "Forty doors fail every week."),
        Meeting(-9, "COMPLAINT_HANDLING", "Old invoices", "samuel", "Settled.", minutes=40),
        Meeting(2, "CALL", "Agenda of a joint review", "hugo", status="PLANNED", minutes=30),
    ),
)

LABDRILL = Case(
    account="Labdrill",
    note="CONTESTED with holes: no approver is known, nobody coaches us, and the friend is a user. Evaluator"
    " and user met, so the network is partial.",
    owner="kary.hendrixson@example.com",
    region="West",
    people=(
        Person("george", "George Papadakis", "Research Director", "MANAGEMENT", "TOP", "H"),
        Person("shreya", "Shreya Iyer", "Instrument Scientist", "TECHNICAL", "MIDDLE", "M"),
        Person("bo", "Bo Wang 王博", "Laboratory Lead", "USER", "MIDDLE", "M"),
    ),
    links=(Link("shreya", "REPORTS_TO", "george"), Link("bo", "REPORTS_TO", "george")),
    deal=Deal(
        name="Drill head analytics",
        product="MG Advanced",
        amount=58_200,
        closes_in=130,
        moves="ENGAGEMENT SHORTLIST",
        entry="BOTTOM_UP",
        shows=Shows("CONTESTED", "WEAK", "NARROW", "PARTIAL", "NM3"),
        map=(
            Stands("george", "DECISION_MAKER", "UNKNOWN/2", "UNDECIDED"),
            Stands("shreya", "EVALUATOR", "SUPPORTER/1", "PRODUCT_FIT"),
            Stands("bo", "USER", "FRIEND/2", "PERSONAL_TRUST"),
        ),
    ),
    meetings=(
        Meeting(-21, "DEMO_TEST", "Trial with last year's samples", "shreya bo", "Found two known defects."),
        Meeting(-6, "LETTER", "Report of the trial", "george", two_way=False, minutes=30),
        Meeting(10, "EXEC_MEETING", "Introduction to the director", "george", status="PLANNED"),
    ),
)

INITECH = Case(
    account="Initech",
    note="A deal won this month: the friends are to be thanked.",
    owner="kami.bicknell@example.com",
    region="West",
    people=(
        Person("bill", "Bill Renner", "Division Vice President", "MANAGEMENT", "TOP", "H"),
        Person("michelle", "Michelle Foster", "Software Director", "TECHNICAL", "MIDDLE", "H"),
        Person("pinghai", "孙平海", "Team Lead", "USER", "BASE", "M"),
    ),
    links=(Link("michelle", "REPORTS_TO", "bill"), Link("michelle", "ALLY", "pinghai")),
    deal=Deal(
        name="Reporting cluster",
        product="GTX Plus Pro",
        amount=219_000,
        closes_in=-3,
        moves="ENGAGEMENT SHORTLIST BIDDING CONTRACTING WON",
        budget="FUNDED",
        shows=None,
        map=(
            Stands("bill", "APPROVER", "SUPPORTER/2", "PAST_SUCCESS"),
            Stands("michelle", "DECISION_MAKER EVALUATOR", "FRIEND/2", "PRODUCT_FIT"),
            Stands("pinghai", "USER COACH", "SUPPORTER/3", "PERSONAL_TRUST"),
        ),
    ),
    meetings=(
        Meeting(-44, "PRESENTATION", "Presentation of the bid", "bill michelle", "Asked for two references."),
        Meeting(-18, "NEGOTIATION", "Payment terms", "bill", "Sixty days."),
        Meeting(4, "THANK_YOU", "Thanks to the team", "michelle pinghai", status="PLANNED"),
    ),
)

SINGLETECHNO = Case(
    account="Singletechno",
    note="A deal lost to a better relationship, and the next one with the same people begun at another level.",
    owner="vicki.laflamme@example.com",
    region="West",
    people=(
        Person("paul", "Paul Novak", "Retail Director", "MANAGEMENT", "TOP", "H"),
        Person("mingyue", "何明月", "Merchandising Analyst", "USER", "BASE", "M"),
    ),
    links=(Link("mingyue", "INFLUENCES", "paul"),),
    deal=Deal(
        name="Shelf displays",
        product="MG Special",
        amount=36_500,
        closes_in=-6,
        moves="ENGAGEMENT SHORTLIST LOST/RELATIONSHIP",
        shows=None,
        map=(
            Stands("paul", "DECISION_MAKER", "OPPONENT/2", "RIVAL_TIE"),
            Stands("mingyue", "USER", "SUPPORTER/1", "PRODUCT_FIT"),
        ),
    ),
    extra=(
        Deal(
            name="Shelf displays, flagship stores",
            product="MG Special",
            amount=22_000,
            closes_in=150,
            moves="ENGAGEMENT SHORTLIST ENGAGEMENT",
            entry="TOP_DOWN",
            shows=Shows("UNKNOWN", "NONE", "NONE", "NONE", "NM0"),
        ),
    ),
    meetings=(
        Meeting(-35, "PRODUCT_INTRO", "Displays for flagship stores", "mingyue", "Likes the new frames."),
        Meeting(-5, "VISIT", "What we could have done better", "paul", "We came too late to be heard."),
    ),
)

DAMBASE = Case(
    account="dambase",
    note="FAVOURABLE in the hands of another team: Darcel Schlecht and Melvin Marxen do not see this account"
    " at all. Two supporters met, so the network is partial.",
    owner="carl.lin@example.com",
    region="West",
    team=(("noor.haddad@example.com", "PRESALES"),),
    people=(
        Person("rebecca", "Rebecca Stone", "Founder", "MANAGEMENT", "TOP", "H", "PHONE"),
        Person("guoqiang", "黄国强", "Head of Production", "MANAGEMENT", "MIDDLE", "H"),
        Person("imani", "Imani Brooks", "Technical Editor", "TECHNICAL", "MIDDLE", "M"),
        Person("luis", "Luis Ortega", "Print Operator", "USER", "BASE", "L"),
    ),
    links=(Link("guoqiang", "REPORTS_TO", "rebecca"), Link("imani", "INFLUENCES", "guoqiang")),
    deal=Deal(
        name="Print line upgrade",
        product="GTX Pro",
        amount=77_900,
        closes_in=60,
        moves="ENGAGEMENT SHORTLIST",
        buy_class="MODIFIED_REBUY",
        tactic="GUERRILLA",
        shows=Shows("FAVOURABLE", "STRONG", "BROAD", "PARTIAL", "NM5"),
        map=(
            Stands("rebecca", "APPROVER", "SUPPORTER/1", "SPONSOR_VOUCH"),
            Stands("guoqiang", "DECISION_MAKER", "FRIEND/2", "PAST_SUCCESS"),
            Stands("imani", "EVALUATOR", "NEUTRAL/2", "UNDECIDED"),
            Stands("luis", "USER COACH", "SUPPORTER/2", "PERSONAL_TRUST"),
        ),
    ),
    meetings=(
        Meeting(-36, "FACTORY_VISIT", "Tour of our plant", "rebecca guoqiang", "Liked the service desk."),
        Meeting(-15, "DEMO_TEST", "Test prints", "luis", "Fewer wasted sheets.", minutes=120),
        Meeting(5, "TECH_EXCHANGE", "Colour profiles", "imani", status="PLANNED", with_team=True),
    ),
)

CASES = (GANJAFLEX, UMBRELLA, LABDRILL, INITECH, SINGLETECHNO, DAMBASE)
