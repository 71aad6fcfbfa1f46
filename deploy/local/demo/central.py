"""The showpieces of the central teams: Melvin Marxen's sellers and Dustin Brinkmann's."""

from deploy.local.demo.story import Case, Deal, Link, Meeting, Person, Shows, Stands

ACME = Case(
    account="Acme Corporation",
    note="FAVOURABLE: the decider is a friend, the approver prefers us, and a workshop tied the supporters into"
    " a network; only procurement still pulls the other way.",
    owner="darcel.schlecht@example.com",
    region="Midwest",
    target_type="MODIFIED_REBUY_TARGET",
    team=(
        ("noor.haddad@example.com", "PRESALES"),
        ("grace.obi@example.com", "SERVICE"),
    ),
    people=(
        Person("margaret", "Margaret Hale", "Chief Executive Officer", "MANAGEMENT", "TOP", "H", "IN_PERSON"),
        Person("david", "David Osei", "Vice President, Operations", "MANAGEMENT", "TOP", "H", "PHONE"),
        Person("xiaoyan", "林晓燕", "Head of Infrastructure", "TECHNICAL", "MIDDLE", "M"),
        Person("tom", "Tom Brandt", "Distribution Centre Supervisor", "USER", "BASE", "M", "MESSENGER"),
        Person("elena", "Elena Petrova", "Purchasing Manager", "PROCUREMENT", "MIDDLE", "M"),
        Person("raymond", "Raymond Fisk", "Controller", "FINANCE", "MIDDLE", "L", tenure_ends_in=75),
    ),
    links=(
        Link("david", "REPORTS_TO", "margaret"),
        Link("xiaoyan", "REPORTS_TO", "david"),
        Link("tom", "ALLY", "david", "Worked for him for eight years."),
        Link("elena", "REPORTS_TO", "margaret"),
        Link("xiaoyan", "CONFLICT", "elena", "Disagree over who chooses suppliers."),
    ),
    deal=Deal(
        name="Warehouse automation, three sites",
        product="GTK 500",
        amount=1_284_000,
        closes_in=55,
        moves="ENGAGEMENT SHORTLIST BIDDING",
        buy_class="MODIFIED_REBUY",
        budget="FUNDED",
        tactic="FLANK",
        need="Replace controllers at three distribution centres without stopping night shifts.",
        shows=Shows("FAVOURABLE", "STRONG", "BROAD", "FORMED", "NM6"),
        map=(
            Stands("margaret", "APPROVER", "SUPPORTER/2", "PAST_SUCCESS"),
            Stands("david", "DECISION_MAKER", "FRIEND/2", "PRODUCT_FIT", note="Argued for us in the board."),
            Stands("xiaoyan", "EVALUATOR", "SUPPORTER/1", "PRODUCT_FIT"),
            Stands("tom", "USER COACH", "SUPPORTER/3", "PERSONAL_TRUST"),
            Stands("elena", "PROCUREMENT", "OPPONENT/1", "PRICE", changeable="HARD"),
            Stands("raymond", "FINANCE", "NEUTRAL/2", "UNDECIDED", confirmed_ago=40),
        ),
    ),
    meetings=(
        Meeting(
            -62, "VISIT", "First visit at the Dayton site", "tom", "Night shifts cannot stop.", minutes=90
        ),
        Meeting(
            -48,
            "TECH_EXCHANGE",
            "Workshop on controllers and interfaces",
            "david xiaoyan",
            "Interfaces agreed; Lin will test the migration tool.",
            "Send the test plan",
            minutes=180,
            with_team=True,
        ),
        Meeting(
            -33, "DEMO_TEST", "Test run at site two", "xiaoyan tom", "Passed 41 of 42 cases.", minutes=240
        ),
        Meeting(
            -20, "EXEC_MEETING", "Executives meet in Columbus", "margaret", "Asks for a fixed roll-out date."
        ),
        Meeting(-9, "CALL", "Questions on the bid", "elena", "Wants a longer payment term.", minutes=25),
        Meeting(-4, "BID_WORK", "Bid review at home", minutes=120, two_way=False, with_team=True),
        Meeting(-2, "CALL", "Follow-up with finance", "raymond", status="MISSED"),
        Meeting(6, "PRESENTATION", "Presentation of the bid", "margaret david", status="PLANNED", minutes=90),
    ),
    extra=(
        Deal(
            name="Spare parts frame contract",
            product="GTX Plus Basic",
            amount=48_000,
            closes_in=120,
            moves="",
            begun_ago=9,
            buy_class="STRAIGHT_REBUY",
            procurement="DIRECT",
            budget="UNKNOWN",
            entry=None,
            shows=Shows("UNKNOWN", "NONE", "NONE", "NONE", "NM0"),
        ),
    ),
)

ZENCORPORATION = Case(
    account="Zencorporation",
    note="IDEAL, and a warning all the same: four friends are more than a map can hold in peace, and none of"
    " them knows that the others are for us.",
    owner="mei.mei.johns@example.com",
    region="华东",
    target_type="FIRST_TIME_TARGET",
    team=(("wang.min@example.com", "FINANCE"),),
    people=(
        Person("jianguo", "陈建国", "总经理", "MANAGEMENT", "TOP", "H", "IN_PERSON"),
        Person("hui", "周慧", "运营副总", "MANAGEMENT", "TOP", "H", "PHONE"),
        Person("zhiqiang", "刘志强", "技术总监", "TECHNICAL", "MIDDLE", "M"),
        Person("yating", "吴雅婷", "生产主管", "USER", "BASE", "L", "MESSENGER"),
    ),
    links=(
        Link("hui", "REPORTS_TO", "jianguo"),
        Link("zhiqiang", "REPORTS_TO", "hui"),
        Link("yating", "REPORTS_TO", "hui"),
    ),
    deal=Deal(
        name="智能产线一期",
        product="GTX Plus Pro",
        amount=412_500,
        closes_in=18,
        moves="ENGAGEMENT SHORTLIST BIDDING CONTRACTING",
        procurement="NEGOTIATED",
        budget="FUNDED",
        entry="TOP_DOWN",
        tactic="GUERRILLA",
        need="新厂房一期产线，年底前投产。",
        shows=Shows("IDEAL", "STRONG", "BROAD", "NONE", "NM5"),
        map=(
            Stands("jianguo", "APPROVER", "FRIEND/2", "SPONSOR_VOUCH"),
            Stands("hui", "DECISION_MAKER", "FRIEND/2", "PRODUCT_FIT"),
            Stands("zhiqiang", "EVALUATOR", "FRIEND/2", "PRODUCT_FIT"),
            Stands("yating", "USER COACH", "FRIEND/2", "PERSONAL_TRUST"),
        ),
    ),
    meetings=(
        Meeting(-70, "AUTHORITY_REFERRAL", "行业协会引荐", "jianguo", "愿意看方案。", minutes=45),
        Meeting(-52, "FACTORY_VISIT", "参观样板工厂", "hui", "对节拍数据很满意。", minutes=300),
        Meeting(-38, "TECH_EXCHANGE", "技术交流", "zhiqiang", "接口方案通过。", "寄送测试报告", minutes=150),
        Meeting(-16, "INTERVIEW", "产线员工访谈", "yating", "换型时间是痛点。", minutes=80),
        Meeting(-5, "NEGOTIATION", "合同条款商谈", "hui", "付款节点已定。", minutes=120),
        Meeting(4, "EXEC_MEETING", "签约前高层会面", "jianguo hui", status="PLANNED"),
    ),
)

HOTTECHI = Case(
    account="Hottechi",
    note="SOLID: a friend decides, but support is narrow and the evaluator leans elsewhere; the next move is to"
    " widen.",
    owner="gladys.colclough@example.com",
    region="Korea",
    target_type="FIRST_TIME_TARGET",
    team=(("tomas.lindqvist@example.com", "RND"),),
    people=(
        Person("jiwoo", "Park Ji-woo", "Chief Operating Officer", "MANAGEMENT", "TOP", "H"),
        Person("seojun", "Kim Seo-jun", "Director of Manufacturing", "MANAGEMENT", "MIDDLE", "H"),
        Person("minseo", "Lee Min-seo", "Principal Engineer", "TECHNICAL", "MIDDLE", "M"),
        Person("hana", "Choi Ha-na", "Line Lead", "USER", "BASE", "M", "MESSENGER"),
    ),
    links=(
        Link("seojun", "REPORTS_TO", "jiwoo"),
        Link("hana", "REPORTS_TO", "seojun"),
        Link("minseo", "INFLUENCES", "jiwoo", "Wrote the plant's standards."),
    ),
    deal=Deal(
        name="Test bench renewal",
        product="GTX Pro",
        amount=233_000,
        closes_in=95,
        moves="ENGAGEMENT SHORTLIST",
        tactic="FRONTAL",
        need="Halve the set-up time of forty test benches.",
        shows=Shows("SOLID", "STRONG", "NARROW", "NONE", "NM4"),
        map=(
            Stands("jiwoo", "APPROVER", "NEUTRAL/2", "UNAFFECTED", confirmed_ago=30),
            Stands("seojun", "DECISION_MAKER", "FRIEND/2", "PERSONAL_GAIN_LEGIT"),
            Stands("minseo", "EVALUATOR", "OPPONENT/2", "FEARS_CHANGE"),
            Stands("hana", "USER COACH", "SUPPORTER/2", "PRODUCT_FIT"),
        ),
    ),
    meetings=(
        Meeting(-45, "PRODUCT_INTRO", "Introduction of the GTX line", "seojun", "Asks for references."),
        Meeting(-28, "TRACK_RECORD", "Reference call with a plant in Busan", "seojun", "Convinced."),
        Meeting(
            -13, "DEMO_TEST", "Demonstration on bench 12", "hana", "Set-up in nine minutes.", minutes=150
        ),
        Meeting(-6, "VISIT", "Visit to the engineers", "minseo", status="MISSED"),
        Meeting(3, "TECH_EXCHANGE", "Standards of the plant", "minseo", status="PLANNED", with_team=True),
    ),
)

KONEX = Case(
    account="Konex",
    note="WEAK: everybody is polite and nobody is for us; there is no foothold yet.",
    owner="niesha.huffines@example.com",
    region="Midwest",
    people=(
        Person("arthur", "Arthur Nwosu", "Managing Director", "MANAGEMENT", "TOP", "H"),
        Person("carla", "Carla Jimenez", "Head of Logistics", "MANAGEMENT", "MIDDLE", "H"),
        Person("peter", "Peter Lang", "Systems Engineer", "TECHNICAL", "BASE", "M"),
        Person("june", "June Abara", "Shift Planner", "USER", "BASE", "L"),
    ),
    links=(Link("carla", "REPORTS_TO", "arthur"),),
    deal=Deal(
        name="Yard control system",
        product="GTX Plus Pro",
        amount=164_400,
        closes_in=140,
        moves="ENGAGEMENT",
        begun_ago=45,
        budget="PLANNED",
        need="See every trailer of the yard on one screen.",
        shows=Shows("WEAK", "NONE", "NONE", "NONE", "NM1"),
        map=(
            Stands("arthur", "APPROVER", "NEUTRAL/2", "NOT_INVOLVED"),
            Stands("carla", "DECISION_MAKER", "NEUTRAL/2", "UNDECIDED"),
            Stands("peter", "EVALUATOR", "NEUTRAL/2", "UNDECIDED"),
            Stands("june", "USER", "NEUTRAL/2", "UNAFFECTED"),
        ),
    ),
    meetings=(
        Meeting(-24, "CALL", "First call", "carla", "Open to a visit.", minutes=20),
        Meeting(-11, "VISIT", "Walk through the yard", "carla june", "Two gates cause most of the waiting."),
        Meeting(8, "INTERVIEW", "Interview with the planners", "june", status="PLANNED"),
    ),
)

GLOBEX = Case(
    account="Globex Corporation",
    note="UNKNOWN: the people are on the map and nobody has been asked where they stand.",
    owner="marty.freudenburg@example.com",
    region="Norway",
    target_type="FIRST_TIME_TARGET",
    people=(
        Person("ingrid", "Ingrid Solheim", "Managing Director", "MANAGEMENT", "TOP", "H"),
        Person("lars", "Lars Bakken", "Head of Engineering", "TECHNICAL", "MIDDLE", "M"),
        Person("wei", "Wei Zhang 张伟", "Project Engineer", "USER", "BASE", "M"),
    ),
    links=(Link("lars", "REPORTS_TO", "ingrid"), Link("wei", "REPORTS_TO", "lars")),
    deal=Deal(
        name="Offshore sensor retrofit",
        product="GTX Plus Basic",
        amount=91_300,
        closes_in=160,
        moves="ENGAGEMENT",
        begun_ago=45,
        budget="UNKNOWN",
        entry="BOTTOM_UP",
        shows=Shows("UNKNOWN", "NONE", "NONE", "NONE", "NM1"),
        map=(
            Stands("ingrid", "APPROVER DECISION_MAKER", "UNKNOWN/2", "UNDECIDED"),
            Stands("lars", "EVALUATOR", "UNKNOWN/2", "UNDECIDED"),
            Stands("wei", "USER", "UNKNOWN/2", "UNDECIDED"),
        ),
    ),
    meetings=(
        Meeting(-7, "EMAIL", "Introduction", "lars", two_way=False, minutes=15),
        Meeting(2, "CALL", "First call", "wei", status="PLANNED", minutes=30),
    ),
)

KAN_CODE = Case(
    account="Kan-code",
    note="CONTESTED: everything speaks for us but one evaluator, who works against us with a technical veto;"
    " that alone holds the map down.",
    owner="versie.hillebrand@example.com",
    region="West",
    target_type="MODIFIED_REBUY_TARGET",
    team=(
        ("noor.haddad@example.com", "PRESALES"),
        ("tomas.lindqvist@example.com", "RND"),
    ),
    people=(
        Person("sofia", "Sofia Marchetti", "Chief Financial Officer", "MANAGEMENT", "TOP", "H"),
        Person("kenji", "Kenji Watanabe", "Chief Information Officer", "MANAGEMENT", "TOP", "H"),
        Person("oliver", "Oliver Grant", "Chief Architect", "TECHNICAL", "MIDDLE", "H"),
        Person("fatima", "Fatima El-Sayed", "Release Manager", "USER", "MIDDLE", "M", "MESSENGER"),
    ),
    links=(
        Link("kenji", "REPORTS_TO", "sofia"),
        Link("oliver", "REPORTS_TO", "kenji"),
        Link("fatima", "ALLY", "kenji"),
        Link("oliver", "CONFLICT", "fatima"),
    ),
    deal=Deal(
        name="Build farm, second hall",
        product="GTK 500",
        amount=2_140_000,
        closes_in=40,
        moves="ENGAGEMENT SHORTLIST BIDDING",
        procurement="PUBLIC_TENDER",
        budget="FUNDED",
        tactic="FRONTAL",
        need="Twice the build capacity in the same floor space.",
        shows=Shows("CONTESTED", "STRONG", "BROAD", "FORMED", "NM6"),
        map=(
            Stands("sofia", "APPROVER", "SUPPORTER/2", "PAST_SUCCESS"),
            Stands("kenji", "DECISION_MAKER", "FRIEND/2", "PERSONAL_TRUST"),
            Stands("oliver", "EVALUATOR", "ENEMY/1", "RIVAL_TIE", changeable="HARD"),
            Stands("fatima", "USER COACH", "SUPPORTER/2", "PRODUCT_FIT"),
        ),
    ),
    meetings=(
        Meeting(
            -58, "TECH_EXCHANGE", "Cooling and density", "kenji", "Numbers to be proven.", with_team=True
        ),
        Meeting(
            -41, "DEMO_TEST", "Benchmark in their hall", "oliver", "He disputes the method.", minutes=240
        ),
        Meeting(
            -19, "EXEC_MEETING", "Executives meet the board", "sofia kenji", "Both want a neutral benchmark."
        ),
        Meeting(
            -8,
            "TRACK_RECORD",
            "Visit to a reference customer",
            "fatima",
            "The operating figures convinced her.",
        ),
        Meeting(1, "TECH_EXCHANGE", "Neutral benchmark", "oliver kenji", status="PLANNED", minutes=180),
    ),
)

CASES = (ACME, ZENCORPORATION, HOTTECHI, KONEX, GLOBEX, KAN_CODE)
