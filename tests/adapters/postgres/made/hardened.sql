-- Both migrations as an earlier version printed them, for hardened rules: helpers stand in public, accounts have no order of locks.
-- Creates the main CRM tracking table and the credit system ("Migration Order", 1).
-- Rules: hardened. Made by crm-domain; run it again and nothing changes.
--
-- What refuses a write comes in PostgreSQL's own order, which is the specified one: privilege, row
-- policy, missing value, check, uniqueness, reference, and last, in AFTER triggers, credits.
begin;
set local client_min_messages = 'warning';
set local lock_timeout = '10s';
set local statement_timeout = '5min';

do $$
declare
  found_rules text := pg_catalog.obj_description(pg_catalog.to_regclass('public.digital_resume_by_crm'), 'pg_class');
begin
  if found_rules is not null and found_rules <> 'Main tracking table for CRM users (rules: hardened)' then
    raise exception 'public.digital_resume_by_crm is there under other rules: %', found_rules
      using hint = 'Take those migrations back first, with their down migrations.';
  end if;
end
$$;

create or replace function public.crm_spaces() returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select U&'\0009\000A\000B\000C\000D\001C\001D\001E\001F\0020\0085\00A0'
  '\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A'
  '\2028\2029\202F\205F\3000'
$$;
revoke all on function public.crm_spaces() from public, anon, authenticated, service_role;
grant execute on function public.crm_spaces() to authenticated, service_role;

-- Case-folds what was taken apart, the same on every server and in every locale: each character
-- that folds is told, and what becomes of it.
create or replace function public.crm_folded(p_text text) returns text
language sql immutable strict parallel safe
set search_path = ''
as $$
  select
replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(translate(
p_text,
'ABCDEFGHIJKLMNOPQRSTUVWXYZµÆÐØÞĐĦĲĿŁŊŒŦſƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƢƤƦƧƩƬƮƱƲƳƵƷƸƼǄǅǇǈǊǋǤǱǲǶǷȜȠȢȤȺȻȽȾɁɃɄ'
'ɅɆɈɊɌɎͅͰͲͶͿΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςϏϐϑϕϖϘϚϜϞϠϢϤϦϨϪϬϮϰϱϴϵϷϹϺϽϾϿЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШ'
'ЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӃӅӇӉӋӍӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷ'
'ԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍᏸᏹᏺᏻᏼᏽᲀᲁᲂᲃᲄᲅᲆᲇᲈᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙ'
'ᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩᲪᲫᲬᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾᲿỺỼỾℲⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫⅬⅭⅮⅯↃⒶⒷⒸⒹⒺⒻⒼⒽⒾⒿⓀⓁⓂⓃⓄⓅⓆⓇⓈⓉⓊⓋⓌⓍⓎⓏⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌ'
'ⰍⰎⰏⰐⰑⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟⰠⰡⰢⰣⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⰯⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿⲀⲂⲄⲆⲈⲊⲌⲎⲐⲒⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎⳐⳒⳔⳖⳘⳚ'
'ⳜⳞⳠⳢⳫⳭⳲꙀꙂꙄꙆꙈꙊꙌꙎꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝽꝾꞀꞂꞄꞆꞋꞍꞐꞒꞖꞘ'
'ꞚꞜꞞꞠꞢꞤꞦꞨꞪꞫꞬꞭꞮꞰꞱꞲꞳꞴꞶꞸꞺꞼꞾꟀꟂꟄꟅꟆꟇꟉꟐꟖꟘꟵꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬꮭ'
'ꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧𐒰𐒱𐒲𐒳𐒴𐒵𐒶𐒷𐒸𐒹𐒺𐒻'
'𐒼𐒽𐒾𐒿𐓀𐓁𐓂𐓃𐓄𐓅𐓆𐓇𐓈𐓉𐓊𐓋𐓌𐓍𐓎𐓏𐓐𐓑𐓒𐓓𐕰𐕱𐕲𐕳𐕴𐕵𐕶𐕷𐕸𐕹𐕺𐕼𐕽𐕾𐕿𐖀𐖁𐖂𐖃𐖄𐖅𐖆𐖇𐖈𐖉𐖊𐖌𐖍𐖎𐖏𐖐𐖑𐖒𐖔𐖕𐲀𐲁𐲂𐲃𐲄𐲅𐲆𐲇𐲈𐲉𐲊𐲋𐲌𐲍𐲎𐲏𐲐𐲑𐲒𐲓𐲔𐲕𐲖𐲗𐲘𐲙𐲚𐲛𐲜𐲝𐲞𐲟𐲠𐲡𐲢𐲣𐲤'
'𐲥𐲦𐲧𐲨𐲩𐲪𐲫𐲬𐲭𐲮𐲯𐲰𐲱𐲲𑢠𑢡𑢢𑢣𑢤𑢥𑢦𑢧𑢨𑢩𑢪𑢫𑢬𑢭𑢮𑢯𑢰𑢱𑢲𑢳𑢴𑢵𑢶𑢷𑢸𑢹𑢺𑢻𑢼𑢽𑢾𑢿𖹀𖹁𖹂𖹃𖹄𖹅𖹆𖹇𖹈𖹉𖹊𖹋𖹌𖹍𖹎𖹏𖹐𖹑𖹒𖹓𖹔𖹕𖹖𖹗𖹘𖹙𖹚𖹛𖹜𖹝𖹞𖹟𞤀𞤁𞤂𞤃𞤄𞤅𞤆𞤇𞤈𞤉𞤊𞤋𞤌𞤍𞤎𞤏𞤐𞤑'
'𞤒𞤓𞤔𞤕𞤖𞤗𞤘𞤙𞤚𞤛𞤜𞤝𞤞𞤟𞤠𞤡',
'abcdefghijklmnopqrstuvwxyzμæðøþđħĳŀłŋœŧsɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵƣƥʀƨʃƭʈʊʋƴƶʒƹƽǆǆǉǉǌǌǥǳǳƕƿȝƞȣȥⱥȼƚⱦɂƀʉ'
'ʌɇɉɋɍɏιͱͳͷϳαβγδεζηθικλμνξοπρστυφχψωσϗβθφπϙϛϝϟϡϣϥϧϩϫϭϯκρθεϸϲϻͻͼͽђєѕіјљњћџабвгдежзиклмнопрстуфхцчш'
'щъыьэюяѡѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӄӆӈӊӌӎӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէ'
'ըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆⴀⴁⴂⴃⴄⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭᏰᏱᏲᏳᏴᏵвдосттъѣꙋაბგდევზთიკ'
'ლმნოპჟრსტუფქღყშჩცძწჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾჿỻỽỿⅎⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅺⅻⅼⅽⅾⅿↄⓐⓑⓒⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼ'
'ⰽⰾⰿⱀⱁⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏⱐⱑⱒⱓⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱟⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀⲁⲃⲅⲇⲉⲋⲍⲏⲑⲓⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏⳑⳓⳕⳗⳙⳛ'
'ⳝⳟⳡⳣⳬⳮⳳꙁꙃꙅꙇꙉꙋꙍꙏꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼᵹꝿꞁꞃꞅꞇꞌɥꞑꞓꞗꞙ'
'ꞛꞝꞟꞡꞣꞥꞧꞩɦɜɡɬɪʞʇʝꭓꞵꞷꞹꞻꞽꞿꟁꟃꞔʂᶎꟈꟊꟑꟗꟙꟶᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜᏝ'
'ᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏𐓘𐓙𐓚𐓛𐓜𐓝𐓞𐓟𐓠𐓡𐓢𐓣'
'𐓤𐓥𐓦𐓧𐓨𐓩𐓪𐓫𐓬𐓭𐓮𐓯𐓰𐓱𐓲𐓳𐓴𐓵𐓶𐓷𐓸𐓹𐓺𐓻𐖗𐖘𐖙𐖚𐖛𐖜𐖝𐖞𐖟𐖠𐖡𐖣𐖤𐖥𐖦𐖧𐖨𐖩𐖪𐖫𐖬𐖭𐖮𐖯𐖰𐖱𐖳𐖴𐖵𐖶𐖷𐖸𐖹𐖻𐖼𐳀𐳁𐳂𐳃𐳄𐳅𐳆𐳇𐳈𐳉𐳊𐳋𐳌𐳍𐳎𐳏𐳐𐳑𐳒𐳓𐳔𐳕𐳖𐳗𐳘𐳙𐳚𐳛𐳜𐳝𐳞𐳟𐳠𐳡𐳢𐳣𐳤'
'𐳥𐳦𐳧𐳨𐳩𐳪𐳫𐳬𐳭𐳮𐳯𐳰𐳱𐳲𑣀𑣁𑣂𑣃𑣄𑣅𑣆𑣇𑣈𑣉𑣊𑣋𑣌𑣍𑣎𑣏𑣐𑣑𑣒𑣓𑣔𑣕𑣖𑣗𑣘𑣙𑣚𑣛𑣜𑣝𑣞𑣟𖹠𖹡𖹢𖹣𖹤𖹥𖹦𖹧𖹨𖹩𖹪𖹫𖹬𖹭𖹮𖹯𖹰𖹱𖹲𖹳𖹴𖹵𖹶𖹷𖹸𖹹𖹺𖹻𖹼𖹽𖹾𖹿𞤢𞤣𞤤𞤥𞤦𞤧𞤨𞤩𞤪𞤫𞤬𞤭𞤮𞤯𞤰𞤱𞤲𞤳'
'𞤴𞤵𞤶𞤷𞤸𞤹𞤺𞤻𞤼𞤽𞤾𞤿𞥀𞥁𞥂𞥃'), 'ß', 'ss'), 'ŉ', 'ʼn'), 'և', 'եւ'), 'ẚ', 'aʾ'), 'ẞ', 'ss'), 'ﬀ', 'ff'), 'ﬁ', 'fi'), 'ﬂ', 'fl'), 'ﬃ', 'ffi'), 'ﬄ', 'ffl'), 'ﬅ', 'st'), 'ﬆ', 'st'), 'ﬓ', 'մն'), 'ﬔ', 'մե'), 'ﬕ', 'մի'), 'ﬖ', 'վն'), 'ﬗ', 'մխ')
$$;
revoke all on function public.crm_folded(text) from public, anon, authenticated, service_role;
grant execute on function public.crm_folded(text) to authenticated, service_role;

-- One spelling of each address is the key: trimmed, taken apart, case-folded, put together.
create or replace function public.crm_normal_email(p_email text) returns text
language sql immutable strict parallel safe
set search_path = ''
as $$
  select btrim(
    case
      when octet_length(p_email) = length(p_email) then lower(p_email collate "C")
      else normalize(public.crm_folded(normalize(p_email, NFD)), NFC)
    end,
    public.crm_spaces()
  )
$$;
revoke all on function public.crm_normal_email(text) from public, anon, authenticated, service_role;
grant execute on function public.crm_normal_email(text) to authenticated, service_role;

-- What keeps a text in normal form from being an address; null if it is one.
create or replace function public.crm_email_fault(p_email text) returns text
language sql immutable strict parallel safe
set search_path = ''
as $$
  select case
    when p_email = '' then 'it is empty'
    when length(p_email) > 254 then 'it is too long'
    when p_email ~ (U&'[' || U&'\0001-\0020\007F-\00A0\00AD\0600-\0605\061C\06DD\070F\0890-\0891\08E2\1680\180E\2000-\200F'
  '\2028-\202F\205F-\2064\2066-\206F\3000\E000-\F8FF\FEFF\FFF9-\FFFB\+0110BD\+0110CD\+013430-\+013438\+01BCA0-\+01BCA3\+01D173-\+01D17A'
  '\+0E0001\+0E0020-\+0E007F\+0F0000-\+0FFFFD\+100000-\+10FFFD' || ']') then 'it holds a space or a control character'
    when p_email !~ '^.+@' then 'it has no name before the @'
    when p_email ~ '@$' then 'it has no domain after the @'
  end
$$;
revoke all on function public.crm_email_fault(text) from public, anon, authenticated, service_role;
grant execute on function public.crm_email_fault(text) to service_role;

-- Whoever stores a row under an address, stores it under its normal form.
create or replace function public.crm_normalise_email() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.email := public.crm_normal_email(new.email);
  return new;
end
$$;
revoke all on function public.crm_normalise_email() from public, anon, authenticated, service_role;

-- Tables -----------------------------------------------------------------------------------------
-- The leading balance
create table if not exists public.profiles (
  user_id uuid,
  credits_remaining bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint profiles_pkey primary key (user_id),
  constraint profiles_credits_remaining_check check (credits_remaining <= 9007199254740992 and credits_remaining >= 0),
  constraint profiles_user_id_fkey foreign key (user_id)
    references auth.users (id)
) with (fillfactor = 80);

-- Main tracking table for CRM users
create table if not exists public.digital_resume_by_crm (
  email text,
  user_id uuid not null,
  credits_remaining bigint not null default 4,
  payment_details jsonb,
  user_created_at timestamptz default now(),
  last_sync_at timestamptz default now(),
  is_active boolean not null default true,
  constraint digital_resume_by_crm_pkey primary key (email),
  constraint digital_resume_by_crm_credits_remaining_check check (credits_remaining <= 9007199254740992 and credits_remaining >= 0),
  constraint digital_resume_by_crm_user_id_fkey foreign key (user_id)
    references auth.users (id),
  constraint digital_resume_by_crm_email_check check (email = public.crm_normal_email(email) and public.crm_email_fault(email) is null),
  constraint digital_resume_by_crm_email_user_id_key unique (email, user_id)
) with (fillfactor = 80);
create unique index if not exists digital_resume_by_crm_user_id_key
  on public.digital_resume_by_crm (user_id);
create index if not exists digital_resume_by_crm_user_created_at_idx
  on public.digital_resume_by_crm (user_created_at);

-- Store job applications for regular users
create table if not exists public.job_requests (
  id uuid default gen_random_uuid(),
  user_id uuid not null,
  job_title text,
  company_name text,
  job_description text,
  job_url text,
  application_status text,
  applied_date timestamptz,
  resume_url text,
  cover_letter text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  constraint job_requests_pkey primary key (id),
  constraint job_requests_user_id_fkey foreign key (user_id)
    references auth.users (id),
  constraint job_requests_id_user_id_key unique (id, user_id)
);
create index if not exists job_requests_user_id_idx
  on public.job_requests (user_id);
create index if not exists job_requests_created_at_idx
  on public.job_requests (created_at);

-- Store video recordings for regular users
create table if not exists public.recordings (
  id uuid default gen_random_uuid(),
  user_id uuid not null,
  job_request_id uuid,
  video_url text,
  thumbnail_url text,
  duration bigint,
  file_size bigint,
  recording_date timestamptz,
  transcription text,
  status text not null default 'processing',
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  constraint recordings_pkey primary key (id),
  constraint recordings_duration_check check (duration >= 0),
  constraint recordings_file_size_check check (file_size >= 0),
  constraint recordings_status_check check (status in ('processing', 'completed', 'failed')),
  constraint recordings_user_id_fkey foreign key (user_id)
    references auth.users (id),
  constraint recordings_same_owner_reference_fkey foreign key (job_request_id, user_id)
    references public.job_requests (id, user_id)
);
create index if not exists recordings_user_id_idx
  on public.recordings (user_id);
create index if not exists recordings_created_at_idx
  on public.recordings (created_at);
create index if not exists recordings_job_request_id_idx
  on public.recordings (job_request_id);

-- Store resumes for regular users
create table if not exists public.resumes (
  id uuid default gen_random_uuid(),
  user_id uuid not null,
  resume_name text,
  resume_url text not null,
  file_type text,
  file_size bigint,
  parsed_data jsonb,
  is_primary boolean not null default false,
  is_active boolean not null default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  constraint resumes_pkey primary key (id),
  constraint resumes_file_size_check check (file_size >= 0),
  constraint resumes_user_id_fkey foreign key (user_id)
    references auth.users (id)
);
create index if not exists resumes_user_id_idx
  on public.resumes (user_id);
create index if not exists resumes_created_at_idx
  on public.resumes (created_at);
create index if not exists resumes_is_primary_idx
  on public.resumes (is_primary);
create unique index if not exists resumes_primary_key
  on public.resumes (user_id) where is_primary = true;

-- Payments that were credited
create table if not exists public.payments (
  id uuid default gen_random_uuid(),
  user_id uuid not null,
  ref text not null,
  amount numeric(12,2) not null,
  credits bigint not null,
  created_at timestamptz not null default now(),
  constraint payments_pkey primary key (id),
  constraint payments_user_id_fkey foreign key (user_id)
    references public.profiles (user_id)
);
create unique index if not exists payments_ref_key
  on public.payments (ref);
create index if not exists payments_user_id_idx
  on public.payments (user_id);
create index if not exists payments_created_at_idx
  on public.payments (created_at);

-- The ledger: where credits come from
create table if not exists public.credit_grants (
  id text,
  user_id uuid not null,
  number bigint not null,
  source text not null,
  email text,
  payment_id uuid,
  credits bigint not null,
  remaining bigint not null,
  consumed bigint not null default 0,
  voided bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint credit_grants_pkey primary key (id),
  constraint credit_grants_source_check check (source in ('initial', 'payment', 'adjustment')),
  constraint credit_grants_credits_check check (credits >= 0),
  constraint credit_grants_remaining_check check (remaining >= 0),
  constraint credit_grants_consumed_check check (consumed >= 0),
  constraint credit_grants_voided_check check (voided >= 0),
  constraint credit_grants_user_id_fkey foreign key (user_id)
    references public.profiles (user_id),
  constraint credit_grants_payment_id_fkey foreign key (payment_id)
    references public.payments (id)
) with (fillfactor = 80);
create unique index if not exists credit_grants_user_id_number_key
  on public.credit_grants (user_id, number);
create index if not exists credit_grants_user_id_idx
  on public.credit_grants (user_id);
create index if not exists credit_grants_email_idx
  on public.credit_grants (email);
create index if not exists credit_grants_payment_id_idx
  on public.credit_grants (payment_id);
create index if not exists credit_grants_open_idx
  on public.credit_grants (user_id, number) where remaining > 0;

-- The ledger: what paid for which recording
create table if not exists public.credit_consumptions (
  id text,
  recording_id uuid not null,
  user_id uuid,
  grant_id text,
  created_at timestamptz not null default now(),
  completed_at timestamptz,
  refunded_at timestamptz,
  constraint credit_consumptions_pkey primary key (id),
  constraint credit_consumptions_grant_id_fkey foreign key (grant_id)
    references public.credit_grants (id)
);
create index if not exists credit_consumptions_user_id_idx
  on public.credit_consumptions (user_id);

-- Commands that were accepted under a key
create table if not exists public.idempotency_keys (
  id text,
  user_id uuid,
  key text not null,
  fingerprint text not null,
  answer jsonb not null,
  created_at timestamptz not null default now(),
  constraint idempotency_keys_pkey primary key (id)
);

-- Who may do what: nobody but those who are named, and users to their own rows.
revoke all on public.profiles from public, anon, authenticated, service_role;
grant select on public.profiles to authenticated;
grant select, insert, update, delete on public.profiles to service_role;
alter table public.profiles enable row level security;
drop policy if exists "Users can SELECT their own data" on public.profiles;
create policy "Users can SELECT their own data" on public.profiles
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.profiles;
create policy "Service role has full access" on public.profiles
  to service_role
  using (true) with check (true);

revoke all on public.digital_resume_by_crm from public, anon, authenticated, service_role;
grant select on public.digital_resume_by_crm to authenticated;
grant select, insert, update, delete on public.digital_resume_by_crm to service_role;
alter table public.digital_resume_by_crm enable row level security;
drop policy if exists "Users can SELECT their own data" on public.digital_resume_by_crm;
create policy "Users can SELECT their own data" on public.digital_resume_by_crm
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.digital_resume_by_crm;
create policy "Service role has full access" on public.digital_resume_by_crm
  to service_role
  using (true) with check (true);

revoke all on public.job_requests from public, anon, authenticated, service_role;
grant select, insert, update (id, job_title, company_name, job_description, job_url, application_status, applied_date, resume_url, cover_letter, created_at, updated_at), delete on public.job_requests to authenticated;
grant select, insert, update, delete on public.job_requests to service_role;
alter table public.job_requests enable row level security;
drop policy if exists "Users can SELECT their own data" on public.job_requests;
create policy "Users can SELECT their own data" on public.job_requests
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Users can INSERT their own data" on public.job_requests;
create policy "Users can INSERT their own data" on public.job_requests
  for insert to authenticated
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid())));
drop policy if exists "Users can UPDATE their own data" on public.job_requests;
create policy "Users can UPDATE their own data" on public.job_requests
  for update to authenticated
  using ((select auth.uid()) = user_id)
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid())));
drop policy if exists "Users can DELETE their own data" on public.job_requests;
create policy "Users can DELETE their own data" on public.job_requests
  for delete to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.job_requests;
create policy "Service role has full access" on public.job_requests
  to service_role
  using (true) with check (true);

revoke all on public.recordings from public, anon, authenticated, service_role;
grant select, insert, update (id, job_request_id, video_url, thumbnail_url, duration, file_size, recording_date, transcription, status, created_at, updated_at), delete on public.recordings to authenticated;
grant select, insert, update, delete on public.recordings to service_role;
alter table public.recordings enable row level security;
drop policy if exists "Users can SELECT their own data" on public.recordings;
create policy "Users can SELECT their own data" on public.recordings
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Users can INSERT their own data" on public.recordings;
create policy "Users can INSERT their own data" on public.recordings
  for insert to authenticated
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid())));
drop policy if exists "Users can UPDATE their own data" on public.recordings;
create policy "Users can UPDATE their own data" on public.recordings
  for update to authenticated
  using ((select auth.uid()) = user_id)
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid())));
drop policy if exists "Users can DELETE their own data" on public.recordings;
create policy "Users can DELETE their own data" on public.recordings
  for delete to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.recordings;
create policy "Service role has full access" on public.recordings
  to service_role
  using (true) with check (true);

revoke all on public.resumes from public, anon, authenticated, service_role;
grant select, insert, update (id, resume_name, resume_url, file_type, file_size, parsed_data, is_primary, is_active, created_at, updated_at), delete on public.resumes to authenticated;
grant select, insert, update, delete on public.resumes to service_role;
alter table public.resumes enable row level security;
drop policy if exists "Users can SELECT their own data" on public.resumes;
create policy "Users can SELECT their own data" on public.resumes
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Users can INSERT their own data" on public.resumes;
create policy "Users can INSERT their own data" on public.resumes
  for insert to authenticated
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid())));
drop policy if exists "Users can UPDATE their own data" on public.resumes;
create policy "Users can UPDATE their own data" on public.resumes
  for update to authenticated
  using ((select auth.uid()) = user_id)
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid())));
drop policy if exists "Users can DELETE their own data" on public.resumes;
create policy "Users can DELETE their own data" on public.resumes
  for delete to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.resumes;
create policy "Service role has full access" on public.resumes
  to service_role
  using (true) with check (true);

revoke all on public.payments from public, anon, authenticated, service_role;
grant select on public.payments to authenticated;
grant select on public.payments to service_role;
alter table public.payments enable row level security;
drop policy if exists "Users can SELECT their own data" on public.payments;
create policy "Users can SELECT their own data" on public.payments
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.payments;
create policy "Service role has full access" on public.payments
  to service_role
  using (true) with check (true);

revoke all on public.credit_grants from public, anon, authenticated, service_role;
grant select on public.credit_grants to authenticated;
grant select on public.credit_grants to service_role;
alter table public.credit_grants enable row level security;
drop policy if exists "Users can SELECT their own data" on public.credit_grants;
create policy "Users can SELECT their own data" on public.credit_grants
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.credit_grants;
create policy "Service role has full access" on public.credit_grants
  to service_role
  using (true) with check (true);

revoke all on public.credit_consumptions from public, anon, authenticated, service_role;
grant select on public.credit_consumptions to authenticated;
grant select on public.credit_consumptions to service_role;
alter table public.credit_consumptions enable row level security;
drop policy if exists "Users can SELECT their own data" on public.credit_consumptions;
create policy "Users can SELECT their own data" on public.credit_consumptions
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.credit_consumptions;
create policy "Service role has full access" on public.credit_consumptions
  to service_role
  using (true) with check (true);

revoke all on public.idempotency_keys from public, anon, authenticated, service_role;
grant select on public.idempotency_keys to service_role;
alter table public.idempotency_keys enable row level security;
drop policy if exists "Service role has full access" on public.idempotency_keys;
create policy "Service role has full access" on public.idempotency_keys
  to service_role
  using (true) with check (true);

comment on table public.digital_resume_by_crm is 'Main tracking table for CRM users (rules: hardened)';

-- Recordings are looked up in the ledger by their id alone, too.
create index if not exists credit_consumptions_recording_id_idx on public.credit_consumptions (recording_id);

-- How many events each account has seen: the version that a command comes to.
create table if not exists public.account_versions (
  user_id uuid not null,
  version bigint not null,
  constraint account_versions_pkey primary key (user_id)
) with (fillfactor = 80);
revoke all on public.account_versions from public, anon, authenticated, service_role;
grant select on public.account_versions to authenticated, service_role;
alter table public.account_versions enable row level security;
drop policy if exists "Users can SELECT their own data" on public.account_versions;
create policy "Users can SELECT their own data" on public.account_versions
  for select to authenticated using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.account_versions;
create policy "Service role has full access" on public.account_versions
  to service_role using (true) with check (true);

-- PostgreSQL folds the table's name; the front end's snippets write it exactly.
create or replace view public."digital_resume_by_CRM" with (security_invoker = true) as
  select * from public.digital_resume_by_crm;
revoke all on public."digital_resume_by_CRM" from public, anon, authenticated, service_role;
grant select on public."digital_resume_by_CRM" to authenticated;
grant select, insert, update, delete on public."digital_resume_by_CRM" to service_role;
-- Credits ----------------------------------------------------------------------------------------

-- Enters a grant, and with it the trigger below raises the balance.
create or replace function public.crm_grant(
  p_user_id uuid, p_source text, p_credits bigint, p_email text, p_payment_id uuid
) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  v_number bigint := 1 + (select count(*) from public.credit_grants g where g.user_id = p_user_id);
begin
  insert into public.credit_grants (id, user_id, number, source, email, payment_id, credits, remaining)
  values (p_user_id || '/' || v_number, p_user_id, v_number, p_source, p_email, p_payment_id, p_credits, p_credits);
end
$$;
revoke all on function public.crm_grant(uuid, text, bigint, text, uuid) from public, anon, authenticated, service_role;

create or replace function public.crm_credit_grant() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  update public.profiles p
     set credits_remaining = p.credits_remaining + new.credits, updated_at = now()
   where p.user_id = new.user_id;
  insert into public.account_versions as v (user_id, version)
  select counted.user_id, counted.events from (select new.user_id, 1 as events) counted
   where counted.user_id is not null
   order by counted.user_id
      on conflict (user_id) do update set version = v.version + excluded.version;
  return null;
end
$$;
revoke all on function public.crm_credit_grant() from public, anon, authenticated, service_role;

-- Not for the grant that an adjusted balance enters, from within its own trigger.
create or replace trigger crm_credit_grant after insert on public.credit_grants
  for each row when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_credit_grant();

-- Whoever sets a balance and is no user adjusts it: the ledger gets a grant, or voids, oldest first.
create or replace function public.crm_adjust_balance() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  v_missing bigint := new.credits_remaining - case when tg_op = 'UPDATE' then old.credits_remaining else 0 end;
begin
  if v_missing > 0 then
    perform public.crm_grant(new.user_id, 'adjustment', v_missing, null, null);
  else
    update public.credit_grants g
       set remaining = g.remaining - open.voided, voided = g.voided + open.voided
      from (
        select id, least(remaining, greatest(0, -v_missing - (sum(remaining) over (order by number) - remaining))) as voided
          from public.credit_grants
         where user_id = new.user_id and remaining > 0
      ) open
     where g.id = open.id and open.voided > 0;
  end if;
  insert into public.account_versions as v (user_id, version)
  select counted.user_id, counted.events from (select new.user_id, 1 as events) counted
   where counted.user_id is not null
   order by counted.user_id
      on conflict (user_id) do update set version = v.version + excluded.version;
  return null;
end
$$;
revoke all on function public.crm_adjust_balance() from public, anon, authenticated, service_role;

create or replace trigger crm_adjust_balance after update on public.profiles
  for each row when (
    pg_catalog.pg_trigger_depth() = 0
    and not pg_catalog.row_security_active('public.profiles'::regclass)
    and old.credits_remaining is distinct from new.credits_remaining
  ) execute function public.crm_adjust_balance();
create or replace trigger crm_opening_balance after insert on public.profiles
  for each row when (
    pg_catalog.pg_trigger_depth() = 0
    and not pg_catalog.row_security_active('public.profiles'::regclass)
    and new.credits_remaining <> 0
  ) execute function public.crm_adjust_balance();

-- "Credit Sync": the main table's balance follows the profile's.
create or replace function public.crm_credit_sync() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  update public.digital_resume_by_crm d
     set credits_remaining = changed.credits_remaining
    from changed
   where d.user_id = changed.user_id and d.credits_remaining <> changed.credits_remaining;
  return null;
end
$$;
revoke all on function public.crm_credit_sync() from public, anon, authenticated, service_role;

create or replace trigger crm_credit_sync after update on public.profiles
  referencing new table as changed
  for each statement execute function public.crm_credit_sync();
-- Nobody but the users, where they may write it, brings the mirror away from the profile's balance.
-- The trigger's name sorts before those of the foreign keys, because this refusal comes before theirs.
create or replace function public.crm_lone_mirror() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if new.credits_remaining
     <> coalesce((select p.credits_remaining from public.profiles p where p.user_id = new.user_id), 0) then
    raise exception using errcode = 'PT409',
      message = 'credits_remaining here mirrors the balance in profiles', table = 'digital_resume_by_crm', column = 'credits_remaining', constraint = 'lone_mirror',
      hint = 'Set profiles.credits_remaining instead, and the mirror follows.';
  end if;
  return null;
end
$$;
revoke all on function public.crm_lone_mirror() from public, anon, authenticated, service_role;

drop trigger if exists "Crm_lone_mirror" on public.digital_resume_by_crm;
create trigger "Crm_lone_mirror" after insert or update of credits_remaining, user_id on public.digital_resume_by_crm
  for each row when (
    pg_catalog.pg_trigger_depth() = 0
    and not pg_catalog.row_security_active('public.digital_resume_by_crm'::regclass)
  ) execute function public.crm_lone_mirror();

-- "Credit Consumption": what a recording costs.

-- Kinds of recordings: a CRM user's, and with 'recordings/' before their ids in the ledger a regular user's.
create or replace function public.crm_charge() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  v_accounts bigint := (select count(*) from (select distinct fresh.user_id from fresh) accounts);
  v_charged bigint;
begin
  -- Two statements that charge the same accounts take them in the same order, so that neither waits for the other.
  if v_accounts > 1 then
    perform from public.profiles p
      where p.user_id in (select fresh.user_id from fresh)
      order by p.user_id
        for no key update;
  end if;
  update public.profiles p
     set credits_remaining = p.credits_remaining - charged.credits, updated_at = now()
    from (select fresh.user_id, count(*) as credits from fresh group by fresh.user_id) charged
   where p.user_id = charged.user_id and p.credits_remaining >= charged.credits;
  get diagnostics v_charged = row_count;
  if v_charged < v_accounts then
    raise exception using errcode = 'P0001',
      message = 'The balance is 0 credits and a recording costs 1', table = 'profiles', column = 'credits_remaining', constraint = 'atomic_consume',
      hint = 'Pay for more, then try again.';
  end if;
  with paid as (
    select fresh.id, fresh.user_id, fresh.status,
           row_number() over (partition by fresh.user_id order by fresh.id) as nth
      from fresh
  ), open as (
    select g.id, g.user_id, g.remaining, sum(g.remaining) over (partition by g.user_id order by g.number) as upto
      from public.credit_grants g
     where g.remaining > 0 and g.user_id in (select paid.user_id from paid)
  ), entered as (
    insert into public.credit_consumptions (id, recording_id, user_id, grant_id, completed_at)
    -- Its id is the recording's; if another one had that id and was deleted, with a number behind it.
    select '' || paid.id || coalesce('/' || nullif(1 + (
             select count(*) from public.credit_consumptions c
              where c.recording_id = paid.id and c.id like '' || paid.id || '%'
           ), 1), ''),
           paid.id, paid.user_id, open.id, case when paid.status = 'completed' then now() end
      from paid
      left join open on open.user_id = paid.user_id
       and paid.nth > open.upto - open.remaining and paid.nth <= open.upto
    returning grant_id
  )
  update public.credit_grants g
     set remaining = g.remaining - taken.credits, consumed = g.consumed + taken.credits
    from (select entered.grant_id, count(*) as credits from entered group by entered.grant_id) taken
   where g.id = taken.grant_id;
  return null;
end
$$;
revoke all on function public.crm_charge() from public, anon, authenticated, service_role;

create or replace function public.crm_charge_regular() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  v_accounts bigint := (select count(*) from (select distinct fresh.user_id from fresh) accounts);
  v_charged bigint;
begin
  -- Two statements that charge the same accounts take them in the same order, so that neither waits for the other.
  if v_accounts > 1 then
    perform from public.profiles p
      where p.user_id in (select fresh.user_id from fresh)
      order by p.user_id
        for no key update;
  end if;
  update public.profiles p
     set credits_remaining = p.credits_remaining - charged.credits, updated_at = now()
    from (select fresh.user_id, count(*) as credits from fresh group by fresh.user_id) charged
   where p.user_id = charged.user_id and p.credits_remaining >= charged.credits;
  get diagnostics v_charged = row_count;
  if v_charged < v_accounts then
    raise exception using errcode = 'P0001',
      message = 'The balance is 0 credits and a recording costs 1', table = 'profiles', column = 'credits_remaining', constraint = 'atomic_consume',
      hint = 'Pay for more, then try again.';
  end if;
  with paid as (
    select fresh.id, fresh.user_id, fresh.status,
           row_number() over (partition by fresh.user_id order by fresh.id) as nth
      from fresh
  ), open as (
    select g.id, g.user_id, g.remaining, sum(g.remaining) over (partition by g.user_id order by g.number) as upto
      from public.credit_grants g
     where g.remaining > 0 and g.user_id in (select paid.user_id from paid)
  ), entered as (
    insert into public.credit_consumptions (id, recording_id, user_id, grant_id, completed_at)
    -- Its id is the recording's, with its table's name before it; if another one had that id and was deleted, with a number behind it.
    select 'recordings/' || paid.id || coalesce('/' || nullif(1 + (
             select count(*) from public.credit_consumptions c
              where c.recording_id = paid.id and c.id like 'recordings/' || paid.id || '%'
           ), 1), ''),
           paid.id, paid.user_id, open.id, case when paid.status = 'completed' then now() end
      from paid
      left join open on open.user_id = paid.user_id
       and paid.nth > open.upto - open.remaining and paid.nth <= open.upto
    returning grant_id
  )
  update public.credit_grants g
     set remaining = g.remaining - taken.credits, consumed = g.consumed + taken.credits
    from (select entered.grant_id, count(*) as credits from entered group by entered.grant_id) taken
   where g.id = taken.grant_id;
  return null;
end
$$;
revoke all on function public.crm_charge_regular() from public, anon, authenticated, service_role;

-- A recording that was completed once is known as such for ever; one that the service marks as failed may be refunded.
create or replace function public.crm_recording_status() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  v_paid text := (
    select c.id from public.credit_consumptions c
     where c.recording_id = new.id and c.id like '' || new.id || '%'
     order by length(c.id) desc, c.id desc limit 1
  );
begin
  if new.status = 'completed' then
    update public.credit_consumptions set completed_at = coalesce(completed_at, now()) where id = v_paid;
  end if;
  return null;
end
$$;
revoke all on function public.crm_recording_status() from public, anon, authenticated, service_role;

create or replace function public.crm_regular_recording_status() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  v_paid text := (
    select c.id from public.credit_consumptions c
     where c.recording_id = new.id and c.id like 'recordings/' || new.id || '%'
     order by length(c.id) desc, c.id desc limit 1
  );
begin
  if new.status = 'completed' then
    update public.credit_consumptions set completed_at = coalesce(completed_at, now()) where id = v_paid;
  end if;
  return null;
end
$$;
revoke all on function public.crm_regular_recording_status() from public, anon, authenticated, service_role;

-- Writing ----------------------------------------------------------------------------------------

-- The time of a change is now, unless the change says otherwise. Two triggers tell the one from the
-- other: the first runs only where the column is named, and marks a value that is the same as before.
create or replace function public.crm_updated_at_given() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.updated_at is not distinct from old.updated_at then
    new.updated_at := '-infinity';
  end if;
  return new;
end
$$;
revoke all on function public.crm_updated_at_given() from public, anon, authenticated, service_role;

create or replace function public.crm_updated_at_now() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.updated_at = '-infinity' then
    new.updated_at := old.updated_at;
  elsif new.updated_at is not distinct from old.updated_at then
    new.updated_at := now();
  end if;
  return new;
end
$$;
revoke all on function public.crm_updated_at_now() from public, anon, authenticated, service_role;

-- Each row that is stored, changed or deleted is an event of its owner's account.
create or replace function public.crm_count_events() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  insert into public.account_versions as v (user_id, version)
  select counted.user_id, counted.events from (select touched.user_id, count(*) * tg_argv[0]::bigint as events from touched group by touched.user_id) counted
   where counted.user_id is not null
   order by counted.user_id
      on conflict (user_id) do update set version = v.version + excluded.version;
  return null;
end
$$;
revoke all on function public.crm_count_events() from public, anon, authenticated, service_role;

-- "Comparison": a CRM user's rows go to the crm_ tables alone, whoever stores them. Users are refused by the policy.
create or replace function public.crm_refuse_population() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if exists (select from public.digital_resume_by_crm d where d.user_id = new.user_id) then
    raise exception using errcode = '23514',
      message = format('A CRM user''s rows go to crm_%1$s, not to %1$s', tg_table_name),
      table = tg_table_name, column = 'user_id', constraint = 'separate_populations';
  end if;
  return new;
end
$$;
revoke all on function public.crm_refuse_population() from public, anon, authenticated, service_role;

-- profiles
create or replace trigger crm_a_updated_at_given before update of updated_at on public.profiles
  for each row execute function public.crm_updated_at_given();
create or replace trigger crm_b_updated_at_now before update on public.profiles
  for each row execute function public.crm_updated_at_now();

-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function public.crm_profiles_fixed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.user_id is null or new.credits_remaining is null or new.created_at is null or new.updated_at is null then
    return new;
  end if;
  if new.user_id is distinct from old.user_id then
    raise exception using errcode = '23514', message = 'profiles.user_id is the key and never changes',
      table = 'profiles', column = 'user_id', constraint = 'key';
  end if;
  return new;
end
$$;
revoke all on function public.crm_profiles_fixed() from public, anon, authenticated, service_role;

create or replace trigger crm_z_fixed before update on public.profiles
  for each row when (
    old.user_id is distinct from new.user_id
  ) execute function public.crm_profiles_fixed();
create or replace trigger crm_z_events_stored after insert on public.profiles
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_deleted after delete on public.profiles
  referencing old table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);

-- digital_resume_by_crm
-- Printable ASCII without capitals and spaces is its own normal form.
create or replace trigger crm_c_normal_email before insert on public.digital_resume_by_crm
  for each row when (new.email collate "C" !~ '^[!-@[-~]+$') execute function public.crm_normalise_email();

-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function public.crm_digital_resume_by_crm_fixed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.email is null or new.user_id is null or new.credits_remaining is null or new.is_active is null then
    return new;
  end if;
  if new.email is distinct from old.email then
    raise exception using errcode = '23514', message = 'digital_resume_by_crm.email is the key and never changes',
      table = 'digital_resume_by_crm', column = 'email', constraint = 'key';
  end if;
  if new.user_id is distinct from old.user_id then
    raise exception using errcode = '23514', message = 'digital_resume_by_crm.user_id says whose row it is and never changes',
      table = 'digital_resume_by_crm', column = 'user_id', constraint = 'immutable_owner';
  end if;
  return new;
end
$$;
revoke all on function public.crm_digital_resume_by_crm_fixed() from public, anon, authenticated, service_role;

create or replace trigger crm_z_fixed before update on public.digital_resume_by_crm
  for each row when (
    old.email is distinct from new.email
    or old.user_id is distinct from new.user_id
  ) execute function public.crm_digital_resume_by_crm_fixed();
create or replace trigger crm_z_events_stored after insert on public.digital_resume_by_crm
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_changed after update on public.digital_resume_by_crm
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_deleted after delete on public.digital_resume_by_crm
  referencing old table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);

-- job_requests
create or replace trigger crm_a_updated_at_given before update of updated_at on public.job_requests
  for each row execute function public.crm_updated_at_given();
create or replace trigger crm_b_updated_at_now before update on public.job_requests
  for each row execute function public.crm_updated_at_now();

-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function public.crm_regular_job_requests_fixed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if pg_catalog.row_security_active('public.job_requests'::regclass) and not coalesce((select auth.uid()) = new.user_id
      and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid())), false) then
    return new;
  end if;
  if new.id is null or new.user_id is null then
    return new;
  end if;
  if new.id is distinct from old.id then
    raise exception using errcode = '23514', message = 'job_requests.id is the key and never changes',
      table = 'job_requests', column = 'id', constraint = 'key';
  end if;
  if new.user_id is distinct from old.user_id then
    raise exception using errcode = '23514', message = 'job_requests.user_id says whose row it is and never changes',
      table = 'job_requests', column = 'user_id', constraint = 'immutable_owner';
  end if;
  return new;
end
$$;
revoke all on function public.crm_regular_job_requests_fixed() from public, anon, authenticated, service_role;

create or replace trigger crm_z_fixed before update on public.job_requests
  for each row when (
    old.id is distinct from new.id
    or old.user_id is distinct from new.user_id
  ) execute function public.crm_regular_job_requests_fixed();

-- A row policy would hide what may not be deleted; that it may not is to be said.
create or replace function public.crm_regular_job_requests_deletable() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not (not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()))) then
    raise exception using errcode = '42501',
      message = 'new row violates row-level security policy for table "job_requests"',
      table = 'job_requests', constraint = 'separate_populations';
  end if;
  return old;
end
$$;
revoke all on function public.crm_regular_job_requests_deletable() from public, anon, authenticated, service_role;

create or replace trigger crm_deletable before delete on public.job_requests
  for each row when (pg_catalog.row_security_active('public.job_requests'::regclass))
  execute function public.crm_regular_job_requests_deletable();
create or replace trigger crm_refuse_population before insert on public.job_requests
  for each row when (
    not pg_catalog.row_security_active('public.job_requests'::regclass)
    and new.id is not null
    and new.user_id is not null
  ) execute function public.crm_refuse_population();
create or replace trigger crm_z_events_stored after insert on public.job_requests
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_changed after update on public.job_requests
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_deleted after delete on public.job_requests
  referencing old table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);

-- recordings
create or replace trigger crm_a_updated_at_given before update of updated_at on public.recordings
  for each row execute function public.crm_updated_at_given();
create or replace trigger crm_b_updated_at_now before update on public.recordings
  for each row execute function public.crm_updated_at_now();

-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function public.crm_regular_recordings_fixed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if pg_catalog.row_security_active('public.recordings'::regclass) and not coalesce((select auth.uid()) = new.user_id
      and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid())), false) then
    return new;
  end if;
  if new.id is null or new.user_id is null or new.status is null then
    return new;
  end if;
  if new.id is distinct from old.id then
    raise exception using errcode = '23514', message = 'recordings.id is the key and never changes',
      table = 'recordings', column = 'id', constraint = 'key';
  end if;
  if new.user_id is distinct from old.user_id then
    raise exception using errcode = '23514', message = 'recordings.user_id says whose row it is and never changes',
      table = 'recordings', column = 'user_id', constraint = 'immutable_owner';
  end if;
  if new.video_url is distinct from old.video_url and (
    select c.completed_at is not null from public.credit_consumptions c
     where c.recording_id = new.id and c.id like 'recordings/' || new.id || '%'
     order by length(c.id) desc, c.id desc limit 1
  ) then
    raise exception using errcode = '23514', message = 'recordings.video_url is fixed since the paid recording was completed',
      table = 'recordings', column = 'video_url', constraint = 'paid_media_immutable';
  end if;
  return new;
end
$$;
revoke all on function public.crm_regular_recordings_fixed() from public, anon, authenticated, service_role;

create or replace trigger crm_z_fixed before update on public.recordings
  for each row when (
    old.id is distinct from new.id
    or old.user_id is distinct from new.user_id
    or old.video_url is distinct from new.video_url
  ) execute function public.crm_regular_recordings_fixed();

-- A row policy would hide what may not be deleted; that it may not is to be said.
create or replace function public.crm_regular_recordings_deletable() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not (not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()))) then
    raise exception using errcode = '42501',
      message = 'new row violates row-level security policy for table "recordings"',
      table = 'recordings', constraint = 'separate_populations';
  end if;
  return old;
end
$$;
revoke all on function public.crm_regular_recordings_deletable() from public, anon, authenticated, service_role;

create or replace trigger crm_deletable before delete on public.recordings
  for each row when (pg_catalog.row_security_active('public.recordings'::regclass))
  execute function public.crm_regular_recordings_deletable();
create or replace trigger crm_refuse_population before insert on public.recordings
  for each row when (
    not pg_catalog.row_security_active('public.recordings'::regclass)
    and new.id is not null
    and new.user_id is not null
    and new.status is not null
  ) execute function public.crm_refuse_population();
create or replace trigger regular_recording_consume_credit after insert on public.recordings
  referencing new table as fresh
  for each statement execute function public.crm_charge_regular();
create or replace trigger crm_regular_recording_status after update of status on public.recordings
  for each row when (old.status is distinct from new.status and pg_catalog.row_security_active('public.recordings'::regclass))
  execute function public.crm_regular_recording_status('by user');
create or replace trigger crm_regular_recording_status_by_service after update of status on public.recordings
  for each row when (old.status is distinct from new.status and not pg_catalog.row_security_active('public.recordings'::regclass))
  execute function public.crm_regular_recording_status('by service');
create or replace trigger crm_z_events_stored after insert on public.recordings
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(2);
create or replace trigger crm_z_events_changed after update on public.recordings
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_deleted after delete on public.recordings
  referencing old table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);

-- resumes
create or replace trigger crm_a_updated_at_given before update of updated_at on public.resumes
  for each row execute function public.crm_updated_at_given();
create or replace trigger crm_b_updated_at_now before update on public.resumes
  for each row execute function public.crm_updated_at_now();

-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function public.crm_regular_resumes_fixed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if pg_catalog.row_security_active('public.resumes'::regclass) and not coalesce((select auth.uid()) = new.user_id
      and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid())), false) then
    return new;
  end if;
  if new.id is null or new.user_id is null or new.resume_url is null or new.is_primary is null or new.is_active is null then
    return new;
  end if;
  if new.id is distinct from old.id then
    raise exception using errcode = '23514', message = 'resumes.id is the key and never changes',
      table = 'resumes', column = 'id', constraint = 'key';
  end if;
  if new.user_id is distinct from old.user_id then
    raise exception using errcode = '23514', message = 'resumes.user_id says whose row it is and never changes',
      table = 'resumes', column = 'user_id', constraint = 'immutable_owner';
  end if;
  return new;
end
$$;
revoke all on function public.crm_regular_resumes_fixed() from public, anon, authenticated, service_role;

create or replace trigger crm_z_fixed before update on public.resumes
  for each row when (
    old.id is distinct from new.id
    or old.user_id is distinct from new.user_id
  ) execute function public.crm_regular_resumes_fixed();

-- A row policy would hide what may not be deleted; that it may not is to be said.
create or replace function public.crm_regular_resumes_deletable() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not (not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()))) then
    raise exception using errcode = '42501',
      message = 'new row violates row-level security policy for table "resumes"',
      table = 'resumes', constraint = 'separate_populations';
  end if;
  return old;
end
$$;
revoke all on function public.crm_regular_resumes_deletable() from public, anon, authenticated, service_role;

create or replace trigger crm_deletable before delete on public.resumes
  for each row when (pg_catalog.row_security_active('public.resumes'::regclass))
  execute function public.crm_regular_resumes_deletable();
create or replace trigger crm_refuse_population before insert on public.resumes
  for each row when (
    not pg_catalog.row_security_active('public.resumes'::regclass)
    and new.id is not null
    and new.user_id is not null
    and new.resume_url is not null
    and new.is_primary is not null
    and new.is_active is not null
  ) execute function public.crm_refuse_population();
create or replace trigger crm_z_events_stored after insert on public.resumes
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_changed after update on public.resumes
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_deleted after delete on public.resumes
  referencing old table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);

-- Operations of the service ----------------------------------------------------------------------

-- A regular user: a person, and a profile with 0 credits.
create or replace function public.register_user(p_email text, p_user_id uuid default gen_random_uuid()) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  v_email text := public.crm_normal_email(p_email);
begin

  if p_user_id is null then
    raise exception using errcode = '23502',
      message = 'p_user_id is null: leave it out to have one made', table = 'users', column = 'id';
  end if;
  perform public.crm_refuse_address(v_email);
  insert into auth.users (id, email) values (p_user_id, v_email);
  insert into public.profiles (user_id) values (p_user_id);
  return p_user_id;
end
$$;
revoke all on function public.register_user(text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.register_user(text, uuid) to service_role;

-- "CRM User Creation Flow": the six steps, each done once; the address decides who it is.
create or replace function public.sync_crm_user(
  p_email text, p_user_id uuid default coalesce(auth.uid(), gen_random_uuid()), p_payment_details jsonb default null
) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
  v_email text := public.crm_normal_email(p_email);
  v_me uuid := auth.uid();
  v_user_id uuid;
  v_known boolean;
begin

  if v_me is not null and p_user_id is distinct from v_me then
    raise exception using errcode = '42501',
      message = 'new row violates row-level security policy for table "digital_resume_by_crm"', table = 'digital_resume_by_crm', column = 'user_id', constraint = 'row_policy';
  elsif p_user_id is null then
    raise exception using errcode = '23502',
      message = 'p_user_id is null: leave it out to have one made', table = 'users', column = 'id';
  end if;
  perform public.crm_refuse_address(v_email);

  -- Who is it? Of two calls at the same time, the second finds whom the first one brought in.
  select u.id into v_user_id from auth.users u where u.email = v_email;
  if not found then
    if exists (select from auth.users u where u.id = p_user_id) then
      raise exception using errcode = '23505',
      message = 'The id is registered with another address', table = 'users', column = 'id', constraint = 'users_pkey',
      hint = 'An e-mail change is not offered: sync the address that is known, or choose another id.';
    end if;
    insert into auth.users (id, email) values (p_user_id, v_email) on conflict do nothing;
    select u.id into strict v_user_id from auth.users u where u.email = v_email;
  end if;
  if v_me is not null and v_user_id <> v_me then
    raise exception using errcode = '42501',
      message = 'new row violates row-level security policy for table "digital_resume_by_crm"', table = 'digital_resume_by_crm', column = 'user_id', constraint = 'row_policy';
  end if;
  insert into public.profiles (user_id) values (v_user_id) on conflict do nothing;
  perform from public.profiles p where p.user_id = v_user_id for no key update;
  -- The free credits.
  v_known := exists (select from public.digital_resume_by_crm d where d.email = v_email);
  if not exists (
    select from public.credit_grants g where g.email = v_email or (g.user_id = v_user_id and g.source = 'initial')
  ) then
    perform public.crm_grant(v_user_id, 'initial', 4, v_email, null);
  end if;
  if v_known then
    update public.digital_resume_by_crm set last_sync_at = now() where email = v_email;
  else
    insert into public.digital_resume_by_crm (email, user_id, credits_remaining, payment_details)
    select v_email, p.user_id, p.credits_remaining, p_payment_details
      from public.profiles p where p.user_id = v_user_id;
  end if;
  insert into public.crm_dashboard_stats (email, user_id) values (v_email, v_user_id) on conflict (email) do nothing;
  return v_user_id;
end
$$;
revoke all on function public.sync_crm_user(text, uuid, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.sync_crm_user(text, uuid, jsonb) to service_role;

-- What no account can have as its key.
create or replace function public.crm_refuse_address(p_email text) returns void
language plpgsql immutable
set search_path = ''
as $$
declare
  v_fault text := public.crm_email_fault(p_email);
begin
  if p_email is null then
    raise exception using errcode = '23502',
      message = 'An e-mail address is needed: it is the key of the account', table = 'digital_resume_by_crm', column = 'email';
  end if;
  if v_fault is not null then
    raise exception using errcode = 'PT422',
      message = pg_catalog.format('%L is not an e-mail address: %s', p_email, v_fault), table = 'digital_resume_by_crm', column = 'email', constraint = 'one_email';
  end if;
end
$$;
revoke all on function public.crm_refuse_address(text) from public, anon, authenticated, service_role;

-- A payment of 12.99 gives 3 credits, to both kinds of user, at any balance.
create or replace function public.record_payment(
  p_user_id uuid, p_amount numeric, p_ref text, p_id uuid default gen_random_uuid(),
  out id uuid, out credited boolean
)
language plpgsql security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_known public.payments;
begin

  if p_user_id is null or p_amount is null or p_ref is null or p_id is null then
    raise exception using errcode = '23502', message = 'A payment names its user, amount and reference', table = 'payments',
      column = case when p_id is null then 'id' when p_user_id is null then 'user_id' when p_ref is null then 'ref' else 'amount' end;
  elsif p_amount = 'NaN' or abs(p_amount) >= 10000000000 or p_amount <> round(p_amount, 2) then
    raise exception using errcode = '23514', table = 'payments', column = 'amount',
      message = format('payments.amount is %s, expected an amount with at most two decimals, below 10000000000', p_amount);
  elsif p_amount <> 12.99 then
    raise exception using errcode = '23514', table = 'payments', column = 'amount', constraint = 'exact_price',
      message = format('payments.amount: the price is 12.99, not %s: nothing was credited', p_amount);
  end if;

  insert into public.payments (id, user_id, ref, amount, credits)
  values (p_id, p_user_id, p_ref, p_amount, 3)
      on conflict (ref) do nothing
  ;
  credited := found;
  id := p_id;
  if not credited then
    select * into strict v_known from public.payments where ref = p_ref;
    if (v_known.user_id, v_known.amount) <> (p_user_id, p_amount) then
      raise exception using errcode = 'PT409',
      message = pg_catalog.format('Payment %L was recorded before with another user or amount', p_ref), table = 'payments', column = 'ref', constraint = 'idempotent_payment',
      hint = 'Look up which delivery is right.';
    end if;
    id := v_known.id;
    return;
  end if;
  perform from public.profiles p where p.user_id = p_user_id for no key update;
  perform public.crm_grant(p_user_id, 'payment', 3, null, p_id);
  insert into public.account_versions as v (user_id, version)
  select counted.user_id, counted.events from (select p_user_id as user_id, 1 as events) counted
   where counted.user_id is not null
   order by counted.user_id
      on conflict (user_id) do update set version = v.version + excluded.version;
end
$$;
revoke all on function public.record_payment(uuid, numeric, text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.record_payment(uuid, numeric, text, uuid) to service_role;

-- Retries ----------------------------------------------------------------------------------------

-- Claims an idempotency key for the command that follows in this transaction, and answers null; or,
-- if that command was accepted under this key before, answers what it was told then. Of two at the
-- same time, the second waits for the first. Rolled back with the command, the key is free again.
create or replace function public.use_idempotency_key(p_key text, p_fingerprint text) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
  v_id text := coalesce(auth.uid()::text, 'service') || '/' || p_key;
  v_used public.idempotency_keys;
begin
  insert into public.idempotency_keys (id, user_id, key, fingerprint, answer)
  values (v_id, auth.uid(), p_key, p_fingerprint, '{}')
      on conflict (id) do nothing;
  if found then
    return null;
  end if;
  select * into strict v_used from public.idempotency_keys k where k.id = v_id;
  if v_used.fingerprint <> p_fingerprint then
    raise exception using errcode = 'PT409',
      message = pg_catalog.format('The idempotency key %L was used for another command', p_key), table = 'idempotency_keys', column = 'key', constraint = 'idempotency_key',
      hint = 'Choose a new key for a new command.';
  end if;
  return jsonb_build_object('answer', v_used.answer);
end
$$;
revoke all on function public.use_idempotency_key(text, text) from public, anon, authenticated, service_role;
grant execute on function public.use_idempotency_key(text, text) to authenticated, service_role;

-- Keeps what the command was told that claimed the key.
create or replace function public.answer_idempotency_key(p_key text, p_answer jsonb) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
  update public.idempotency_keys set answer = p_answer
   where id = coalesce(auth.uid()::text, 'service') || '/' || p_key and answer = '{}';
end
$$;
revoke all on function public.answer_idempotency_key(text, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.answer_idempotency_key(text, jsonb) to authenticated, service_role;

-- The number of an account's events, those of this transaction with them.
create or replace function public.account_version(p_user_id uuid default auth.uid()) returns bigint
language sql stable
set search_path = ''
as $$
  select coalesce((select v.version from public.account_versions v where v.user_id = p_user_id), 0)
$$;
revoke all on function public.account_version(uuid) from public, anon, authenticated, service_role;
grant execute on function public.account_version(uuid) to authenticated, service_role;

commit;

-- Creates separate data tables for CRM users ("Migration Order", 2).
-- Rules: hardened. Made by crm-domain; run it again and nothing changes.
begin;
set local client_min_messages = 'warning';
set local lock_timeout = '10s';
set local statement_timeout = '5min';

do $$
begin
  if pg_catalog.obj_description(pg_catalog.to_regclass('public.digital_resume_by_crm'), 'pg_class')
     is distinct from 'Main tracking table for CRM users (rules: hardened)' then
    raise exception 'public.digital_resume_by_crm is not there, or under other rules than: hardened'
      using hint = 'Run add_digital_resume_crm_table.sql of the same rules first.';
  end if;
end
$$;
-- Store job applications for CRM users
create table if not exists public.crm_job_requests (
  id uuid default gen_random_uuid(),
  email text not null,
  user_id uuid not null,
  job_title text,
  company_name text,
  job_description text,
  job_url text,
  application_status text,
  applied_date timestamptz,
  resume_url text,
  cover_letter text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  constraint crm_job_requests_pkey primary key (id),
  constraint crm_job_requests_user_id_fkey foreign key (user_id)
    references auth.users (id),
  constraint crm_job_requests_id_user_id_key unique (id, user_id),
  constraint crm_job_requests_owner_pair_fkey foreign key (email, user_id)
    references public.digital_resume_by_crm (email, user_id)
);
create index if not exists crm_job_requests_email_idx
  on public.crm_job_requests (email);
create index if not exists crm_job_requests_user_id_idx
  on public.crm_job_requests (user_id);
create index if not exists crm_job_requests_created_at_idx
  on public.crm_job_requests (created_at);

-- Store video recordings for CRM users
create table if not exists public.crm_recordings (
  id uuid default gen_random_uuid(),
  email text not null,
  user_id uuid not null,
  job_request_id uuid,
  video_url text,
  thumbnail_url text,
  duration bigint,
  file_size bigint,
  recording_date timestamptz,
  transcription text,
  status text not null default 'processing',
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  constraint crm_recordings_pkey primary key (id),
  constraint crm_recordings_duration_check check (duration >= 0),
  constraint crm_recordings_file_size_check check (file_size >= 0),
  constraint crm_recordings_status_check check (status in ('processing', 'completed', 'failed')),
  constraint crm_recordings_user_id_fkey foreign key (user_id)
    references auth.users (id),
  constraint crm_recordings_owner_pair_fkey foreign key (email, user_id)
    references public.digital_resume_by_crm (email, user_id),
  constraint crm_recordings_same_owner_reference_fkey foreign key (job_request_id, user_id)
    references public.crm_job_requests (id, user_id)
);
create index if not exists crm_recordings_email_idx
  on public.crm_recordings (email);
create index if not exists crm_recordings_user_id_idx
  on public.crm_recordings (user_id);
create index if not exists crm_recordings_created_at_idx
  on public.crm_recordings (created_at);
create index if not exists crm_recordings_job_request_id_idx
  on public.crm_recordings (job_request_id);

-- Store resumes for CRM users
create table if not exists public.crm_resumes (
  id uuid default gen_random_uuid(),
  email text not null,
  user_id uuid not null,
  resume_name text,
  resume_url text not null,
  file_type text,
  file_size bigint,
  parsed_data jsonb,
  is_primary boolean not null default false,
  is_active boolean not null default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  constraint crm_resumes_pkey primary key (id),
  constraint crm_resumes_file_size_check check (file_size >= 0),
  constraint crm_resumes_user_id_fkey foreign key (user_id)
    references auth.users (id),
  constraint crm_resumes_owner_pair_fkey foreign key (email, user_id)
    references public.digital_resume_by_crm (email, user_id)
);
create index if not exists crm_resumes_email_idx
  on public.crm_resumes (email);
create index if not exists crm_resumes_user_id_idx
  on public.crm_resumes (user_id);
create index if not exists crm_resumes_created_at_idx
  on public.crm_resumes (created_at);
create index if not exists crm_resumes_is_primary_idx
  on public.crm_resumes (is_primary);
create unique index if not exists crm_resumes_primary_key
  on public.crm_resumes (user_id) where is_primary = true;

-- Track dashboard statistics for CRM users
create table if not exists public.crm_dashboard_stats (
  id uuid default gen_random_uuid(),
  email text not null,
  user_id uuid not null,
  total_applications bigint not null default 0,
  total_recordings bigint not null default 0,
  total_resumes bigint not null default 0,
  total_views bigint not null default 0,
  last_application_date timestamptz,
  last_recording_date timestamptz,
  last_login_date timestamptz,
  total_time_spent bigint not null default 0,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  constraint crm_dashboard_stats_pkey primary key (id),
  constraint crm_dashboard_stats_total_applications_check check (total_applications <= 9007199254740992 and total_applications >= 0),
  constraint crm_dashboard_stats_total_recordings_check check (total_recordings <= 9007199254740992 and total_recordings >= 0),
  constraint crm_dashboard_stats_total_resumes_check check (total_resumes <= 9007199254740992 and total_resumes >= 0),
  constraint crm_dashboard_stats_total_views_check check (total_views <= 9007199254740992 and total_views >= 0),
  constraint crm_dashboard_stats_total_time_spent_check check (total_time_spent >= 0),
  constraint crm_dashboard_stats_user_id_fkey foreign key (user_id)
    references auth.users (id),
  constraint crm_dashboard_stats_owner_pair_fkey foreign key (email, user_id)
    references public.digital_resume_by_crm (email, user_id)
) with (fillfactor = 80);
create unique index if not exists crm_dashboard_stats_email_key
  on public.crm_dashboard_stats (email);
create index if not exists crm_dashboard_stats_user_id_idx
  on public.crm_dashboard_stats (user_id);
create index if not exists crm_dashboard_stats_created_at_idx
  on public.crm_dashboard_stats (created_at);

-- Who may do what: nobody but those who are named, and users to their own rows.
revoke all on public.crm_job_requests from public, anon, authenticated, service_role;
grant select, insert, update (id, job_title, company_name, job_description, job_url, application_status, applied_date, resume_url, cover_letter, created_at, updated_at), delete on public.crm_job_requests to authenticated;
grant select, insert, update, delete on public.crm_job_requests to service_role;
alter table public.crm_job_requests enable row level security;
drop policy if exists "Users can SELECT their own data" on public.crm_job_requests;
create policy "Users can SELECT their own data" on public.crm_job_requests
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Users can INSERT their own data" on public.crm_job_requests;
create policy "Users can INSERT their own data" on public.crm_job_requests
  for insert to authenticated
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active));
drop policy if exists "Users can UPDATE their own data" on public.crm_job_requests;
create policy "Users can UPDATE their own data" on public.crm_job_requests
  for update to authenticated
  using ((select auth.uid()) = user_id)
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active));
drop policy if exists "Users can DELETE their own data" on public.crm_job_requests;
create policy "Users can DELETE their own data" on public.crm_job_requests
  for delete to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.crm_job_requests;
create policy "Service role has full access" on public.crm_job_requests
  to service_role
  using (true) with check (true);

revoke all on public.crm_recordings from public, anon, authenticated, service_role;
grant select, insert, update (id, job_request_id, video_url, thumbnail_url, duration, file_size, recording_date, transcription, status, created_at, updated_at), delete on public.crm_recordings to authenticated;
grant select, insert, update, delete on public.crm_recordings to service_role;
alter table public.crm_recordings enable row level security;
drop policy if exists "Users can SELECT their own data" on public.crm_recordings;
create policy "Users can SELECT their own data" on public.crm_recordings
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Users can INSERT their own data" on public.crm_recordings;
create policy "Users can INSERT their own data" on public.crm_recordings
  for insert to authenticated
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active));
drop policy if exists "Users can UPDATE their own data" on public.crm_recordings;
create policy "Users can UPDATE their own data" on public.crm_recordings
  for update to authenticated
  using ((select auth.uid()) = user_id)
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active));
drop policy if exists "Users can DELETE their own data" on public.crm_recordings;
create policy "Users can DELETE their own data" on public.crm_recordings
  for delete to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.crm_recordings;
create policy "Service role has full access" on public.crm_recordings
  to service_role
  using (true) with check (true);

revoke all on public.crm_resumes from public, anon, authenticated, service_role;
grant select, insert, update (id, resume_name, resume_url, file_type, file_size, parsed_data, is_primary, is_active, created_at, updated_at), delete on public.crm_resumes to authenticated;
grant select, insert, update, delete on public.crm_resumes to service_role;
alter table public.crm_resumes enable row level security;
drop policy if exists "Users can SELECT their own data" on public.crm_resumes;
create policy "Users can SELECT their own data" on public.crm_resumes
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Users can INSERT their own data" on public.crm_resumes;
create policy "Users can INSERT their own data" on public.crm_resumes
  for insert to authenticated
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active));
drop policy if exists "Users can UPDATE their own data" on public.crm_resumes;
create policy "Users can UPDATE their own data" on public.crm_resumes
  for update to authenticated
  using ((select auth.uid()) = user_id)
  with check ((select auth.uid()) = user_id
    and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active));
drop policy if exists "Users can DELETE their own data" on public.crm_resumes;
create policy "Users can DELETE their own data" on public.crm_resumes
  for delete to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.crm_resumes;
create policy "Service role has full access" on public.crm_resumes
  to service_role
  using (true) with check (true);

revoke all on public.crm_dashboard_stats from public, anon, authenticated, service_role;
grant select on public.crm_dashboard_stats to authenticated;
grant select, insert, update, delete on public.crm_dashboard_stats to service_role;
alter table public.crm_dashboard_stats enable row level security;
drop policy if exists "Users can SELECT their own data" on public.crm_dashboard_stats;
create policy "Users can SELECT their own data" on public.crm_dashboard_stats
  for select to authenticated
  using ((select auth.uid()) = user_id);
drop policy if exists "Service role has full access" on public.crm_dashboard_stats;
create policy "Service role has full access" on public.crm_dashboard_stats
  to service_role
  using (true) with check (true);

-- crm_job_requests
-- Printable ASCII without capitals and spaces is its own normal form.
create or replace trigger crm_c_normal_email before insert on public.crm_job_requests
  for each row when (new.email collate "C" !~ '^[!-@[-~]+$') execute function public.crm_normalise_email();
create or replace trigger crm_a_updated_at_given before update of updated_at on public.crm_job_requests
  for each row execute function public.crm_updated_at_given();
create or replace trigger crm_b_updated_at_now before update on public.crm_job_requests
  for each row execute function public.crm_updated_at_now();

-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function public.crm_job_requests_fixed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if pg_catalog.row_security_active('public.crm_job_requests'::regclass) and not coalesce((select auth.uid()) = new.user_id
      and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active), false) then
    return new;
  end if;
  if new.id is null or new.email is null or new.user_id is null then
    return new;
  end if;
  if new.id is distinct from old.id then
    raise exception using errcode = '23514', message = 'crm_job_requests.id is the key and never changes',
      table = 'crm_job_requests', column = 'id', constraint = 'key';
  end if;
  if new.email is distinct from old.email then
    raise exception using errcode = '23514', message = 'crm_job_requests.email says whose row it is and never changes',
      table = 'crm_job_requests', column = 'email', constraint = 'immutable_owner';
  end if;
  if new.user_id is distinct from old.user_id then
    raise exception using errcode = '23514', message = 'crm_job_requests.user_id says whose row it is and never changes',
      table = 'crm_job_requests', column = 'user_id', constraint = 'immutable_owner';
  end if;
  return new;
end
$$;
revoke all on function public.crm_job_requests_fixed() from public, anon, authenticated, service_role;

create or replace trigger crm_z_fixed before update on public.crm_job_requests
  for each row when (
    old.id is distinct from new.id
    or old.email is distinct from new.email
    or old.user_id is distinct from new.user_id
  ) execute function public.crm_job_requests_fixed();

-- A row policy would hide what may not be deleted; that it may not is to be said.
create or replace function public.crm_job_requests_deletable() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not (not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active)) then
    raise exception using errcode = '42501',
      message = 'new row violates row-level security policy for table "crm_job_requests"',
      table = 'crm_job_requests', constraint = 'active_only';
  end if;
  return old;
end
$$;
revoke all on function public.crm_job_requests_deletable() from public, anon, authenticated, service_role;

create or replace trigger crm_deletable before delete on public.crm_job_requests
  for each row when (pg_catalog.row_security_active('public.crm_job_requests'::regclass))
  execute function public.crm_job_requests_deletable();
create or replace trigger crm_z_events_stored after insert on public.crm_job_requests
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_changed after update on public.crm_job_requests
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_deleted after delete on public.crm_job_requests
  referencing old table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);

-- crm_recordings
-- Printable ASCII without capitals and spaces is its own normal form.
create or replace trigger crm_c_normal_email before insert on public.crm_recordings
  for each row when (new.email collate "C" !~ '^[!-@[-~]+$') execute function public.crm_normalise_email();
create or replace trigger crm_a_updated_at_given before update of updated_at on public.crm_recordings
  for each row execute function public.crm_updated_at_given();
create or replace trigger crm_b_updated_at_now before update on public.crm_recordings
  for each row execute function public.crm_updated_at_now();

-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function public.crm_recordings_fixed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if pg_catalog.row_security_active('public.crm_recordings'::regclass) and not coalesce((select auth.uid()) = new.user_id
      and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active), false) then
    return new;
  end if;
  if new.id is null or new.email is null or new.user_id is null or new.status is null then
    return new;
  end if;
  if new.id is distinct from old.id then
    raise exception using errcode = '23514', message = 'crm_recordings.id is the key and never changes',
      table = 'crm_recordings', column = 'id', constraint = 'key';
  end if;
  if new.email is distinct from old.email then
    raise exception using errcode = '23514', message = 'crm_recordings.email says whose row it is and never changes',
      table = 'crm_recordings', column = 'email', constraint = 'immutable_owner';
  end if;
  if new.user_id is distinct from old.user_id then
    raise exception using errcode = '23514', message = 'crm_recordings.user_id says whose row it is and never changes',
      table = 'crm_recordings', column = 'user_id', constraint = 'immutable_owner';
  end if;
  if new.video_url is distinct from old.video_url and (
    select c.completed_at is not null from public.credit_consumptions c
     where c.recording_id = new.id and c.id like '' || new.id || '%'
     order by length(c.id) desc, c.id desc limit 1
  ) then
    raise exception using errcode = '23514', message = 'crm_recordings.video_url is fixed since the paid recording was completed',
      table = 'crm_recordings', column = 'video_url', constraint = 'paid_media_immutable';
  end if;
  return new;
end
$$;
revoke all on function public.crm_recordings_fixed() from public, anon, authenticated, service_role;

create or replace trigger crm_z_fixed before update on public.crm_recordings
  for each row when (
    old.id is distinct from new.id
    or old.email is distinct from new.email
    or old.user_id is distinct from new.user_id
    or old.video_url is distinct from new.video_url
  ) execute function public.crm_recordings_fixed();

-- A row policy would hide what may not be deleted; that it may not is to be said.
create or replace function public.crm_recordings_deletable() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not (not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active)) then
    raise exception using errcode = '42501',
      message = 'new row violates row-level security policy for table "crm_recordings"',
      table = 'crm_recordings', constraint = 'active_only';
  end if;
  return old;
end
$$;
revoke all on function public.crm_recordings_deletable() from public, anon, authenticated, service_role;

create or replace trigger crm_deletable before delete on public.crm_recordings
  for each row when (pg_catalog.row_security_active('public.crm_recordings'::regclass))
  execute function public.crm_recordings_deletable();
create or replace trigger crm_recording_consume_credit after insert on public.crm_recordings
  referencing new table as fresh
  for each statement execute function public.crm_charge();
create or replace trigger crm_recording_status after update of status on public.crm_recordings
  for each row when (old.status is distinct from new.status and pg_catalog.row_security_active('public.crm_recordings'::regclass))
  execute function public.crm_recording_status('by user');
create or replace trigger crm_recording_status_by_service after update of status on public.crm_recordings
  for each row when (old.status is distinct from new.status and not pg_catalog.row_security_active('public.crm_recordings'::regclass))
  execute function public.crm_recording_status('by service');
create or replace trigger crm_z_events_stored after insert on public.crm_recordings
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(2);
create or replace trigger crm_z_events_changed after update on public.crm_recordings
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_deleted after delete on public.crm_recordings
  referencing old table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);

-- crm_resumes
-- Printable ASCII without capitals and spaces is its own normal form.
create or replace trigger crm_c_normal_email before insert on public.crm_resumes
  for each row when (new.email collate "C" !~ '^[!-@[-~]+$') execute function public.crm_normalise_email();
create or replace trigger crm_a_updated_at_given before update of updated_at on public.crm_resumes
  for each row execute function public.crm_updated_at_given();
create or replace trigger crm_b_updated_at_now before update on public.crm_resumes
  for each row execute function public.crm_updated_at_now();

-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function public.crm_resumes_fixed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if pg_catalog.row_security_active('public.crm_resumes'::regclass) and not coalesce((select auth.uid()) = new.user_id
      and not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active), false) then
    return new;
  end if;
  if new.id is null or new.email is null or new.user_id is null or new.resume_url is null or new.is_primary is null or new.is_active is null then
    return new;
  end if;
  if new.id is distinct from old.id then
    raise exception using errcode = '23514', message = 'crm_resumes.id is the key and never changes',
      table = 'crm_resumes', column = 'id', constraint = 'key';
  end if;
  if new.email is distinct from old.email then
    raise exception using errcode = '23514', message = 'crm_resumes.email says whose row it is and never changes',
      table = 'crm_resumes', column = 'email', constraint = 'immutable_owner';
  end if;
  if new.user_id is distinct from old.user_id then
    raise exception using errcode = '23514', message = 'crm_resumes.user_id says whose row it is and never changes',
      table = 'crm_resumes', column = 'user_id', constraint = 'immutable_owner';
  end if;
  return new;
end
$$;
revoke all on function public.crm_resumes_fixed() from public, anon, authenticated, service_role;

create or replace trigger crm_z_fixed before update on public.crm_resumes
  for each row when (
    old.id is distinct from new.id
    or old.email is distinct from new.email
    or old.user_id is distinct from new.user_id
  ) execute function public.crm_resumes_fixed();

-- A row policy would hide what may not be deleted; that it may not is to be said.
create or replace function public.crm_resumes_deletable() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not (not exists (select from public.digital_resume_by_crm account where account.user_id = (select auth.uid()) and not account.is_active)) then
    raise exception using errcode = '42501',
      message = 'new row violates row-level security policy for table "crm_resumes"',
      table = 'crm_resumes', constraint = 'active_only';
  end if;
  return old;
end
$$;
revoke all on function public.crm_resumes_deletable() from public, anon, authenticated, service_role;

create or replace trigger crm_deletable before delete on public.crm_resumes
  for each row when (pg_catalog.row_security_active('public.crm_resumes'::regclass))
  execute function public.crm_resumes_deletable();
create or replace trigger crm_z_events_stored after insert on public.crm_resumes
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_changed after update on public.crm_resumes
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_deleted after delete on public.crm_resumes
  referencing old table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);

-- crm_dashboard_stats
-- Printable ASCII without capitals and spaces is its own normal form.
create or replace trigger crm_c_normal_email before insert on public.crm_dashboard_stats
  for each row when (new.email collate "C" !~ '^[!-@[-~]+$') execute function public.crm_normalise_email();
create or replace trigger crm_a_updated_at_given before update of updated_at on public.crm_dashboard_stats
  for each row execute function public.crm_updated_at_given();
create or replace trigger crm_b_updated_at_now before update on public.crm_dashboard_stats
  for each row execute function public.crm_updated_at_now();

-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function public.crm_dashboard_stats_fixed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.id is null or new.email is null or new.user_id is null or new.total_applications is null or new.total_recordings is null or new.total_resumes is null or new.total_views is null or new.total_time_spent is null then
    return new;
  end if;
  if new.id is distinct from old.id then
    raise exception using errcode = '23514', message = 'crm_dashboard_stats.id is the key and never changes',
      table = 'crm_dashboard_stats', column = 'id', constraint = 'key';
  end if;
  if new.email is distinct from old.email then
    raise exception using errcode = '23514', message = 'crm_dashboard_stats.email says whose row it is and never changes',
      table = 'crm_dashboard_stats', column = 'email', constraint = 'immutable_owner';
  end if;
  if new.user_id is distinct from old.user_id then
    raise exception using errcode = '23514', message = 'crm_dashboard_stats.user_id says whose row it is and never changes',
      table = 'crm_dashboard_stats', column = 'user_id', constraint = 'immutable_owner';
  end if;
  return new;
end
$$;
revoke all on function public.crm_dashboard_stats_fixed() from public, anon, authenticated, service_role;

create or replace trigger crm_z_fixed before update on public.crm_dashboard_stats
  for each row when (
    old.id is distinct from new.id
    or old.email is distinct from new.email
    or old.user_id is distinct from new.user_id
  ) execute function public.crm_dashboard_stats_fixed();
create or replace trigger crm_z_events_stored after insert on public.crm_dashboard_stats
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_changed after update on public.crm_dashboard_stats
  referencing new table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);
create or replace trigger crm_z_events_deleted after delete on public.crm_dashboard_stats
  referencing old table as touched
  for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function public.crm_count_events(1);

-- "Dashboard Stats Updates": counters are lifetime totals, and the last-dates are the server's clock.
create or replace function public.crm_job_request_stats() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  with counted as (
    select fresh.email, count(*) as stored from fresh group by fresh.email
  ), locked as (
    select s.id, counted.stored
      from public.crm_dashboard_stats s join counted on counted.email = s.email
     order by s.email
       for no key update of s
  )
  update public.crm_dashboard_stats s
     set total_applications = s.total_applications + locked.stored, last_application_date = now(), updated_at = now()
    from locked
   where s.id = locked.id;
  return null;
end
$$;
revoke all on function public.crm_job_request_stats() from public, anon, authenticated, service_role;

create or replace trigger crm_job_request_stats after insert on public.crm_job_requests
  referencing new table as fresh
  for each statement execute function public.crm_job_request_stats();

create or replace function public.crm_recording_stats() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  with counted as (
    select fresh.email, count(*) as stored from fresh group by fresh.email
  ), locked as (
    select s.id, counted.stored
      from public.crm_dashboard_stats s join counted on counted.email = s.email
     order by s.email
       for no key update of s
  )
  update public.crm_dashboard_stats s
     set total_recordings = s.total_recordings + locked.stored, last_recording_date = now(), updated_at = now()
    from locked
   where s.id = locked.id;
  return null;
end
$$;
revoke all on function public.crm_recording_stats() from public, anon, authenticated, service_role;

create or replace trigger crm_recording_stats after insert on public.crm_recordings
  referencing new table as fresh
  for each statement execute function public.crm_recording_stats();

create or replace function public.crm_resume_stats() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  with counted as (
    select fresh.email, count(*) as stored from fresh group by fresh.email
  ), locked as (
    select s.id, counted.stored
      from public.crm_dashboard_stats s join counted on counted.email = s.email
     order by s.email
       for no key update of s
  )
  update public.crm_dashboard_stats s
     set total_resumes = s.total_resumes + locked.stored, updated_at = now()
    from locked
   where s.id = locked.id;
  return null;
end
$$;
revoke all on function public.crm_resume_stats() from public, anon, authenticated, service_role;

create or replace trigger crm_resume_stats after insert on public.crm_resumes
  referencing new table as fresh
  for each statement execute function public.crm_resume_stats();

-- Tracking: the service fills what no trigger does; an unknown address affects 0 rows.
create or replace function public.track_view(p_email text) returns integer
language plpgsql security definer
set search_path = ''
as $$
begin

  update public.crm_dashboard_stats s set total_views = s.total_views + 1, updated_at = now()
   where s.email = public.crm_normal_email(p_email);
  return found::integer;
end
$$;
revoke all on function public.track_view(text) from public, anon, authenticated, service_role;
grant execute on function public.track_view(text) to service_role;

create or replace function public.track_login(p_email text) returns integer
language plpgsql security definer
set search_path = ''
as $$
begin

  update public.crm_dashboard_stats s set last_login_date = now(), updated_at = now()
   where s.email = public.crm_normal_email(p_email);
  return found::integer;
end
$$;
revoke all on function public.track_login(text) from public, anon, authenticated, service_role;
grant execute on function public.track_login(text) to service_role;

create or replace function public.track_time(p_email text, p_seconds bigint) returns integer
language plpgsql security definer
set search_path = ''
as $$
begin

  if p_seconds < 0 then
    raise exception using errcode = '23514',
      message = pg_catalog.format('p_seconds is %s, expected 0 or more', p_seconds), table = 'crm_dashboard_stats', column = 'total_time_spent';
  end if;
  update public.crm_dashboard_stats s
     set total_time_spent = s.total_time_spent + coalesce(p_seconds, 0), updated_at = now()
   where s.email = public.crm_normal_email(p_email);
  return found::integer;
exception
  when numeric_value_out_of_range then
    raise exception using errcode = '23514',
      message = pg_catalog.format('p_seconds is %s: the total would not fit 64 bits', p_seconds), table = 'crm_dashboard_stats', column = 'total_time_spent';
end
$$;
revoke all on function public.track_time(text, bigint) from public, anon, authenticated, service_role;
grant execute on function public.track_time(text, bigint) to service_role;

-- "Helper Functions": the dashboard of one CRM user.
-- It reads with the rights of who asks, so that the row policies show nobody but themselves to a user.
create or replace function public.get_crm_dashboard_data(p_email text) returns table (
  total_applications bigint, total_recordings bigint, total_resumes bigint, total_views bigint,
  credits_remaining bigint, last_application_date timestamptz, last_recording_date timestamptz
)
language plpgsql stable
set search_path = ''
as $$
begin

  return query
  select s.total_applications, s.total_recordings, s.total_resumes, s.total_views,
         d.credits_remaining, s.last_application_date, s.last_recording_date
    from public.digital_resume_by_crm d
    join public.crm_dashboard_stats s on s.email = d.email
   where d.email = public.crm_normal_email(p_email);
end
$$;
revoke all on function public.get_crm_dashboard_data(text) from public, anon, authenticated, service_role;
grant execute on function public.get_crm_dashboard_data(text) to authenticated, service_role;

commit;
