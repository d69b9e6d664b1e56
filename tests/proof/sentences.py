"""What every voice has to say: an apology, a code, a name with a date, an address with a number.

A line is what is asked for; where figures are in it, what a person would hear follows.
"""

from typing import Final, TypeAlias

Line: TypeAlias = tuple[str, str]

_LINES: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "We are sorry, all our colleagues are busy at the moment.",
        "Your code is 4829. = Your code is four eight two nine.",
        "Mister Martin, your appointment is on the third of May at ten o'clock.",
        "You will find us at 12 Garden Street, near the station."
        " = You will find us at twelve Garden Street, near the station.",
    ),
    "de": (
        "Es tut uns leid, alle unsere Mitarbeiter sind im Moment im Gespräch.",
        "Ihr Code ist 4829. = Ihr Code ist vier acht zwei neun.",
        "Herr Martin, Ihr Termin ist am dritten Mai um zehn Uhr.",
        "Sie finden uns in der Gartenstraße 12, neben dem Bahnhof."
        " = Sie finden uns in der Gartenstraße zwölf, neben dem Bahnhof.",
    ),
    "es": (
        "Lo sentimos, todos nuestros agentes están ocupados en este momento.",
        "Su código es 4829. = Su código es cuatro ocho dos nueve.",
        "Señor Martín, su cita es el tres de mayo a las diez.",
        "Nos encontrará en la calle del Jardín, número 12, cerca de la estación."
        " = Nos encontrará en la calle del Jardín, número doce, cerca de la estación.",
    ),
    "fr": (
        "Nous sommes désolés, tous nos conseillers sont occupés en ce moment.",
        "Votre code est 4829. = Votre code est quatre huit deux neuf.",
        "Monsieur Martin, votre rendez-vous est le trois mai à dix heures.",
        "Vous nous trouverez au 12, rue du Jardin, près de la gare."
        " = Vous nous trouverez au douze, rue du Jardin, près de la gare.",
    ),
    "it": (
        "Ci dispiace, tutti i nostri operatori sono occupati in questo momento.",
        "Il suo codice è 4829. = Il suo codice è quattro otto due nove.",
        "Signor Martino, il suo appuntamento è il tre maggio alle dieci.",
        "Ci trova in via del Giardino 12, vicino alla stazione."
        " = Ci trova in via del Giardino dodici, vicino alla stazione.",
    ),
    "pt": (
        "Lamentamos, todos os nossos colegas estão ocupados neste momento.",
        "O seu código é 4829. = O seu código é quatro oito dois nove.",
        "Senhor Martins, a sua consulta é no dia três de maio às dez horas.",
        "Estamos na rua do Jardim, número 12, perto da estação."
        " = Estamos na rua do Jardim, número doze, perto da estação.",
    ),
    "nl": (
        "Het spijt ons, al onze medewerkers zijn op dit moment in gesprek.",
        "Uw code is 4829. = Uw code is vier acht twee negen.",
        "Meneer Martin, uw afspraak is op drie mei om tien uur.",
        "U vindt ons in de Tuinstraat 12, naast het station."
        " = U vindt ons in de Tuinstraat twaalf, naast het station.",
    ),
    "ru": (
        "Извините, все наши сотрудники сейчас заняты.",
        "Ваш код 4829. = Ваш код четыре восемь два девять.",
        "Господин Мартин, ваша встреча третьего мая в десять часов.",
        "Мы находимся на Садовой улице, дом 12, рядом с вокзалом."
        " = Мы находимся на Садовой улице, дом двенадцать, рядом с вокзалом.",
    ),
    "uk": (
        "Вибачте, усі наші співробітники зараз зайняті.",
        "Ваш код 4829. = Ваш код чотири вісім два дев'ять.",
        "Пане Мартин, ваша зустріч третього травня о десятій годині.",
        "Ми знаходимося на Садовій вулиці, будинок 12, біля вокзалу."
        " = Ми знаходимося на Садовій вулиці, будинок дванадцять, біля вокзалу.",
    ),
    "pl": (
        "Przepraszamy, wszyscy nasi pracownicy są teraz zajęci.",
        "Twój kod to 4829. = Twój kod to cztery osiem dwa dziewięć.",
        "Panie Martin, pana wizyta jest trzeciego maja o dziesiątej.",
        "Znajdziesz nas przy ulicy Ogrodowej 12, obok dworca."
        " = Znajdziesz nas przy ulicy Ogrodowej dwanaście, obok dworca.",
    ),
    "tr": (
        "Özür dileriz, şu anda bütün çalışanlarımız meşgul.",
        "Kodunuz 4829. = Kodunuz dört sekiz iki dokuz.",
        "Martin Bey, randevunuz üç mayıs saat onda.",
        "Bizi Bahçe Sokak numara 12, istasyonun yanında bulabilirsiniz."
        " = Bizi Bahçe Sokak numara on iki, istasyonun yanında bulabilirsiniz.",
    ),
    "vi": (
        "Xin lỗi, tất cả nhân viên của chúng tôi hiện đang bận.",
        "Mã của bạn là 4829. = Mã của bạn là bốn tám hai chín.",
        "Ông Martin, cuộc hẹn của ông là ngày ba tháng năm lúc mười giờ.",
        "Chúng tôi ở số 12 đường Vườn, gần nhà ga."
        " = Chúng tôi ở số mười hai đường Vườn, gần nhà ga.",
    ),
    "id": (
        "Mohon maaf, semua petugas kami sedang sibuk saat ini.",
        "Kode Anda adalah 4829. = Kode Anda adalah empat delapan dua sembilan.",
        "Bapak Martin, janji temu Anda pada tanggal tiga Mei pukul sepuluh.",
        "Kami berada di Jalan Taman nomor 12, dekat stasiun."
        " = Kami berada di Jalan Taman nomor dua belas, dekat stasiun.",
    ),
    "ms": (
        "Maaf, semua petugas kami sedang sibuk sekarang.",
        "Kod anda ialah 4829. = Kod anda ialah empat lapan dua sembilan.",
        "Encik Martin, temu janji anda pada tiga Mei pukul sepuluh.",
        "Kami berada di Jalan Taman nombor 12, dekat stesen."
        " = Kami berada di Jalan Taman nombor dua belas, dekat stesen.",
    ),
    "ko": (
        "죄송합니다. 지금 모든 직원이 통화 중입니다.",
        "고객님의 코드는 4829입니다. = 고객님의 코드는 사팔이구입니다.",
        "마틴 씨, 예약은 오월 삼일 열 시입니다.",
        "저희는 정원로 12번지, 역 근처에 있습니다. = 저희는 정원로 십이번지, 역 근처에 있습니다.",
    ),
    "zh": (
        "很抱歉，我们的同事现在都很忙。",
        "您的验证码是4829。 = 您的验证码是四八二九。",
        "马丁先生，您的预约是五月三日上午十点。",
        "我们在花园路12号，火车站旁边。 = 我们在花园路十二号，火车站旁边。",
    ),
    "zh-HK": (
        "對唔住，我哋嘅同事而家都好忙。",
        "你嘅驗證碼係4829。 = 你嘅驗證碼係四八二九。",
        "馬丁先生，你嘅預約係五月三號上晝十點。",
        "我哋喺花園街12號，火車站隔離。 = 我哋喺花園街十二號，火車站隔離。",
    ),
    "ja": (
        "申し訳ありません、ただいま係員はみな電話中です。",
        "あなたのコードは4829です。 = あなたのコードはよんはちにきゅうです。",
        "マーティンさん、ご予約は五月三日の十時です。",
        "私たちは庭園通り12番地、駅の近くにあります。"
        " = 私たちは庭園通り十二番地、駅の近くにあります。",
    ),
    "ar": (
        "نعتذر، جميع موظفينا مشغولون الآن.",
        "الرمز الخاص بك هو 4829. = الرمز الخاص بك هو أربعة ثمانية اثنان تسعة.",
        "سيد مارتن، موعدك في الثالث من مايو الساعة العاشرة.",
        "نحن في شارع الحديقة رقم 12 قرب المحطة. = نحن في شارع الحديقة رقم اثنا عشر قرب المحطة.",
    ),
    "fa": (
        "متاسفیم، همه همکاران ما اکنون مشغول هستند.",
        "کد شما 4829 است. = کد شما چهار هشت دو نه است.",
        "آقای مارتین، قرار شما سوم ماه مه ساعت ده است.",
        "ما در خیابان باغ شماره 12، نزدیک ایستگاه هستیم."
        " = ما در خیابان باغ شماره دوازده، نزدیک ایستگاه هستیم.",
    ),
    "hi": (
        "क्षमा करें, हमारे सभी कर्मचारी अभी व्यस्त हैं।",
        "आपका कोड 4829 है। = आपका कोड चार आठ दो नौ है।",
        "मार्टिन जी, आपकी मुलाकात तीन मई को दस बजे है।",
        "हम गार्डन रोड नंबर 12 पर हैं, स्टेशन के पास। = हम गार्डन रोड नंबर बारह पर हैं, स्टेशन के पास।",
    ),
    "bn": (
        "দুঃখিত, আমাদের সব কর্মী এখন ব্যস্ত।",
        "আপনার কোড 4829। = আপনার কোড চার আট দুই নয়।",
        "মার্টিন সাহেব, আপনার সাক্ষাৎ তিন মে দশটায়।",
        "আমরা গার্ডেন রোড নম্বর 12, স্টেশনের কাছে। = আমরা গার্ডেন রোড নম্বর বারো, স্টেশনের কাছে।",
    ),
    "ta": (
        "மன்னிக்கவும், எங்கள் ஊழியர்கள் அனைவரும் இப்போது வேலையாக உள்ளனர்.",
        "உங்கள் குறியீடு 4829. = உங்கள் குறியீடு நான்கு எட்டு இரண்டு ஒன்பது.",
        "திரு மார்ட்டின், உங்கள் சந்திப்பு மே மூன்றாம் தேதி பத்து மணிக்கு.",
        "நாங்கள் தோட்டத் தெரு எண் 12, நிலையத்தின் அருகில் இருக்கிறோம்."
        " = நாங்கள் தோட்டத் தெரு எண் பன்னிரண்டு, நிலையத்தின் அருகில் இருக்கிறோம்.",
    ),
}

CANDIDATES: Final[dict[str, tuple[str, ...]]] = {
    "sv": (
        "Vi beklagar, alla våra kollegor är upptagna just nu.",
        "Din kod är 4829. = Din kod är fyra åtta två nio.",
        "Herr Martin, din tid är den tredje maj klockan tio.",
        "Du hittar oss på Trädgårdsgatan 12, nära stationen."
        " = Du hittar oss på Trädgårdsgatan tolv, nära stationen.",
    ),
    "da": (
        "Vi beklager, alle vores medarbejdere er optaget lige nu.",
        "Din kode er 4829. = Din kode er fire otte to ni.",
        "Hr Martin, din aftale er den tredje maj klokken ti.",
        "Du finder os på Havegade 12, tæt ved stationen."
        " = Du finder os på Havegade tolv, tæt ved stationen.",
    ),
    "nb": (
        "Vi beklager, alle våre medarbeidere er opptatt akkurat nå.",
        "Din kode er 4829. = Din kode er fire åtte to ni.",
        "Herr Martin, timen din er den tredje mai klokken ti.",
        "Du finner oss i Hagegata 12, nær stasjonen."
        " = Du finner oss i Hagegata tolv, nær stasjonen.",
    ),
    "fi": (
        "Olemme pahoillamme, kaikki työntekijämme ovat juuri nyt varattuja.",
        "Koodisi on 4829. = Koodisi on neljä kahdeksan kaksi yhdeksän.",
        "Herra Martin, aikanne on kolmas toukokuuta kello kymmenen.",
        "Löydät meidät osoitteesta Puutarhakatu 12, aseman läheltä."
        " = Löydät meidät osoitteesta Puutarhakatu kaksitoista, aseman läheltä.",
    ),
    "el": (
        "Λυπούμαστε, όλοι οι συνεργάτες μας είναι απασχολημένοι αυτή τη στιγμή.",
        "Ο κωδικός σας είναι 4829. = Ο κωδικός σας είναι τέσσερα οκτώ δύο εννέα.",
        "Κύριε Μαρτίν, το ραντεβού σας είναι στις τρεις Μαΐου στις δέκα.",
        "Θα μας βρείτε στην οδό Κήπου 12, κοντά στον σταθμό."
        " = Θα μας βρείτε στην οδό Κήπου δώδεκα, κοντά στον σταθμό.",
    ),
    "cs": (
        "Omlouváme se, všichni naši pracovníci jsou teď zaneprázdněni.",
        "Váš kód je 4829. = Váš kód je čtyři osm dva devět.",
        "Pane Martin, vaše schůzka je třetího května v deset hodin.",
        "Najdete nás v Zahradní ulici 12, blízko nádraží."
        " = Najdete nás v Zahradní ulici dvanáct, blízko nádraží.",
    ),
    "hu": (
        "Sajnáljuk, jelenleg minden munkatársunk foglalt.",
        "Az Ön kódja 4829. = Az Ön kódja négy nyolc kettő kilenc.",
        "Martin úr, az időpontja május harmadikán tíz órakor lesz.",
        "A Kert utca 12 szám alatt talál meg minket, az állomás közelében."
        " = A Kert utca tizenkettő szám alatt talál meg minket, az állomás közelében.",
    ),
    "ro": (
        "Ne pare rău, toți colegii noștri sunt ocupați în acest moment.",
        "Codul dumneavoastră este 4829. = Codul dumneavoastră este patru opt doi nouă.",
        "Domnule Martin, programarea este pe trei mai la ora zece.",
        "Ne găsiți pe strada Grădinii numărul 12, lângă gară."
        " = Ne găsiți pe strada Grădinii numărul doisprezece, lângă gară.",
    ),
    "bg": (
        "Съжаляваме, всички наши служители са заети в момента.",
        "Вашият код е 4829. = Вашият код е четири осем две девет.",
        "Господин Мартин, вашата среща е на трети май в десет часа.",
        "Ще ни намерите на улица Градинска 12, близо до гарата."
        " = Ще ни намерите на улица Градинска дванадесет, близо до гарата.",
    ),
    "hr": (
        "Žao nam je, svi naši djelatnici su trenutno zauzeti.",
        "Vaš kod je 4829. = Vaš kod je četiri osam dva devet.",
        "Gospodine Martin, vaš termin je trećeg svibnja u deset sati.",
        "Nalazimo se u Vrtnoj ulici 12, blizu kolodvora."
        " = Nalazimo se u Vrtnoj ulici dvanaest, blizu kolodvora.",
    ),
    "sk": (
        "Ospravedlňujeme sa, všetci naši pracovníci sú teraz zaneprázdnení.",
        "Váš kód je 4829. = Váš kód je štyri osem dva deväť.",
        "Pán Martin, vaša schôdzka je tretieho mája o desiatej hodine.",
        "Nájdete nás v Záhradnej ulici 12, blízko stanice."
        " = Nájdete nás v Záhradnej ulici dvanásť, blízko stanice.",
    ),
    "ca": (
        "Ho sentim, tots els nostres companys estan ocupats en aquest moment.",
        "El seu codi és 4829. = El seu codi és quatre vuit dos nou.",
        "Senyor Martí, la seva visita és el tres de maig a les deu.",
        "Ens trobarà al carrer del Jardí, número 12, a prop de l'estació."
        " = Ens trobarà al carrer del Jardí, número dotze, a prop de l'estació.",
    ),
}
"""Languages of the formant engine that are not offered."""


def lines(tag: str) -> list[Line]:
    """What is asked for in the language of a tag, and what a person would hear."""
    known = {**_LINES, **CANDIDATES}
    primary = tag.partition("-")[0]
    found = known[tag] if tag in known else known[primary]
    return [_line(text) for text in found]


def _line(text: str) -> Line:
    asked, _, heard = text.partition(" = ")
    return asked, heard or asked
