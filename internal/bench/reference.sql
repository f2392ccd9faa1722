-- The screening of policy pack guizhou, written by hand in DuckDB SQL: one row a household of the range with every indicator (i_ID) and
-- every rule's outcome (r_ID); NULL = unknown. It was written from the pack's YAML and design section 9.5 alone and shares nothing with the generator of
-- package screening; the conditions at the end are the rules' own texts with SQL operators. {{as_of}} is the screening day (a DATE literal), {{lo}} and {{hi}} the household ids of the range.
--
-- How it is built: cov says which feeds cover a county; one aggregation a fact table, over the range and the longest window only; base joins
-- them to the households and turns "covered and no row" into 0 and "not covered" into NULL; income and figures derive; the last
-- SELECT decides the rules. Parameters are the values in force in November 2026, each with its id beside it.
--
-- Dates. "age < n" is birth > D - n years and "age >= n" is birth <= D - n years; subtracting years from 29 February gives 28 February, which keeps both
-- true. Months (identified, started, ended ...) are stored as their first day, so that date_diff('month') counts whole months. CASTs keep the
-- constants of type DATE: DATE - INTERVAL is a TIMESTAMP in DuckDB, and comparing with one would convert every row.
-- Numbers. least and greatest of DuckDB skip NULLs; "CASE WHEN x < 0 THEN 0 ELSE x END" is max(x, 0) that stays NULL. Money is stored in fen.
WITH cov AS (
  SELECT county,
    bool_or(dataset = 'roster' AND last_day(month) >= {{as_of}} - 62) AS roster,
    bool_or(dataset = 'hukou_change' AND last_day(month) >= {{as_of}} - 62) AS hukou_change,
    bool_or(dataset = 'health_settlement' AND last_day(month) >= {{as_of}} - 62) AS health_settlement,
    bool_or(dataset = 'insurance_enrolment' AND last_day(month) >= {{as_of}} - 62) AS insurance_enrolment,
    bool_or(dataset = 'illness' AND last_day(month) >= {{as_of}} - 62) AS illness,
    bool_or(dataset = 'school_roll' AND last_day(month) >= {{as_of}} - 62) AS school_roll,
    bool_or(dataset = 'school_cost' AND last_day(month) >= {{as_of}} - 400) AS school_cost,
    bool_or(dataset = 'social_assistance' AND last_day(month) >= {{as_of}} - 62) AS social_assistance,
    bool_or(dataset = 'temporary_aid' AND last_day(month) >= {{as_of}} - 62) AS temporary_aid,
    bool_or(dataset = 'assistance_application' AND last_day(month) >= {{as_of}} - 62) AS assistance_application,
    bool_or(dataset = 'cremation' AND last_day(month) >= {{as_of}} - 62) AS cremation,
    bool_or(dataset = 'disability' AND last_day(month) >= {{as_of}} - 62) AS disability,
    bool_or(dataset = 'migrant_work' AND last_day(month) >= {{as_of}} - 62) AS migrant_work,
    bool_or(dataset = 'unemployment' AND last_day(month) >= {{as_of}} - 62) AS unemployment,
    bool_or(dataset = 'housing' AND last_day(month) >= {{as_of}} - 130) AS housing,
    bool_or(dataset = 'water' AND last_day(month) >= {{as_of}} - 130) AS water,
    bool_or(dataset = 'disaster' AND last_day(month) >= {{as_of}} - 62) AS disaster,
    bool_or(dataset = 'traffic_accident' AND last_day(month) >= {{as_of}} - 62) AS traffic_accident,
    bool_or(dataset = 'industry_project' AND last_day(month) >= {{as_of}} - 62) AS industry_project,
    bool_or(dataset = 'small_loan' AND last_day(month) >= {{as_of}} - 62) AS small_loan,
    bool_or(dataset = 'public_post' AND last_day(month) >= {{as_of}} - 62) AS public_post,
    bool_or(dataset = 'electricity' AND last_day(month) >= {{as_of}} - 62) AS electricity,
    bool_or(dataset = 'income' AND last_day(month) >= {{as_of}} - 130) AS income,
    bool_or(dataset = 'assets' AND last_day(month) >= {{as_of}} - 130) AS assets,
    bool_or(dataset = 'petition' AND last_day(month) >= {{as_of}} - 62) AS petition,
    bool_or(dataset = 'monitored' AND last_day(month) >= {{as_of}} - 62) AS monitored
  FROM coverage WHERE month <= {{as_of}} GROUP BY county
),
pe AS ( -- the members
  SELECT household_id,
    count(*) FILTER (WHERE relation = 'head') AS heads,
    count(*) FILTER (WHERE relation = 'spouse' AND sex IS NOT NULL) AS spouses,
    count(*) FILTER (WHERE relation IN ('head', 'spouse') AND sex = 'm') AS couple_men,
    count(*) FILTER (WHERE labour IN ('ordinary', 'skilled', 'weak')) AS labourers,
    count(*) FILTER (WHERE labour IN ('ordinary', 'skilled')) AS able_labourers,
    count(*) FILTER (WHERE labour = 'weak') AS weak_labourers,
    count(*) FILTER (WHERE labour IS NULL AND (birth IS NULL OR (age16 AND birth > CAST({{as_of}} - INTERVAL 70 YEAR AS DATE)))) AS labour_unknown,
    count(*) FILTER (WHERE NOT age16) AS under_16,
    count(*) FILTER (WHERE NOT age16 AND birth <= CAST({{as_of}} - INTERVAL 6 YEAR AS DATE)) AS children_6_15,
    count(*) FILTER (WHERE birth > CAST({{as_of}} - INTERVAL 15 YEAR AS DATE) AND birth <= CAST({{as_of}} - INTERVAL 7 YEAR AS DATE)) AS children_7_14,
    count(*) FILTER (WHERE age60) AS elderly,
    count(*) FILTER (WHERE age16 AND NOT age60) AS working_age,
    count(*) FILTER (WHERE NOT age16 AND labour IN ('ordinary', 'skilled', 'weak')) AS child_labourers,
    count(*) FILTER (WHERE age16 AND school IN ('primary', 'junior', 'senior', 'vocational', 'higher_vocation', 'college') AND labour IN ('ordinary', 'skilled', 'weak')) AS student_labourers,
    count(*) FILTER (WHERE age16 AND NOT age60 AND health = 'healthy' AND labour IN ('weak', 'lost', 'none') AND (school IS NULL OR school = 'no')) AS healthy_without_labour,
    count(*) FILTER (WHERE relation = 'head' AND NOT age16) AS minor_heads,
    count(*) FILTER (WHERE birth IS NULL) AS age_unknown,
    -- Who is not yet born has no full years: age < 0 from the first day.
    count(*) FILTER (WHERE birth <= CAST({{as_of}} - INTERVAL 116 YEAR AS DATE) OR birth > {{as_of}}) AS age_implausible,
    count(*) FILTER (WHERE birth <= CAST({{as_of}} - INTERVAL 8 YEAR AS DATE) AND (education = 'preschool' OR school = 'preschool')) AS preschool_too_old,
    count(*) FILTER (WHERE age16 AND education IS NULL AND school IS NULL) AS aged_without_education,
    count(*) FILTER (WHERE birth <= CAST({{as_of}} - INTERVAL 80 YEAR AS DATE) AND labour IN ('ordinary', 'skilled')) AS aged_labourers
  FROM (
    SELECT household_id, relation, sex, labour, school, education, health, birth,
      birth <= CAST({{as_of}} - INTERVAL 16 YEAR AS DATE) AS age16, birth <= CAST({{as_of}} - INTERVAL 60 YEAR AS DATE) AS age60
    FROM person WHERE household_id BETWEEN {{lo}} AND {{hi}} AND (member_to IS NULL OR member_to > {{as_of}})
  ) GROUP BY household_id
),
inc AS (
  SELECT household_id, sum(wage) / 1e2 AS wage_income, sum(business) / 1e2 AS business_income, sum(coalesce(property, 0)) / 1e2 AS property_income,
    sum(coalesce(transfer, 0)) / 1e2 AS transfer_income, sum(coalesce(business_cost, 0)) / 1e2 AS business_cost, sum(coalesce(claims, 0)) / 1e2 AS claims
  FROM fact_income WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
hs AS ( -- by person first, for the member with the highest cost; rows without a person count in all other sums
  SELECT household_id, sum(total) / 1e2 AS medical_total_12m, sum(self_paid) / 1e2 AS medical_self_paid_12m, sum(compliant) / 1e2 AS compliant_self_paid_12m,
    sum(ytd) / 1e2 AS medical_self_paid_ytd, sum(m3) / 1e2 AS medical_self_paid_3m, max(self_paid) FILTER (WHERE person_key IS NOT NULL) / 1e2 AS person_self_paid_12m,
    max(admission) / 1e2 AS admission_self_paid_12m, sum(admissions) AS admissions_12m, sum(outside) / 1e2 AS outside_self_paid_12m, sum(chronic) / 1e2 AS chronic_self_paid_3m
  FROM (
    SELECT household_id, person_key, sum(total) AS total, sum(self_paid) AS self_paid, sum(coalesce(compliant_self_paid, self_paid)) AS compliant,
      sum(self_paid) FILTER (WHERE settled >= CAST(date_trunc('year', {{as_of}}) AS DATE)) AS ytd,
      sum(self_paid) FILTER (WHERE settled > CAST({{as_of}} - INTERVAL 3 MONTH AS DATE)) AS m3,
      max(self_paid) FILTER (WHERE kind = 'inpatient') AS admission,
      count(*) FILTER (WHERE kind = 'inpatient') AS admissions,
      sum(self_paid) FILTER (WHERE out_of_province) AS outside,
      sum(self_paid) FILTER (WHERE kind = 'chronic' AND settled > CAST({{as_of}} - INTERVAL 3 MONTH AS DATE)) AS chronic
    FROM fact_health_settlement
    WHERE household_id BETWEEN {{lo}} AND {{hi}} AND settled > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND settled <= {{as_of}}
    GROUP BY household_id, person_key
  ) GROUP BY household_id
),
il AS (
  SELECT household_id, count(*) FILTER (WHERE category = 'serious') AS serious_ill,
    count(*) FILTER (WHERE category = 'serious' AND diagnosed > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND diagnosed <= {{as_of}}) AS serious_new_12m,
    count(*) FILTER (WHERE category = 'serious' AND NOT treated) AS serious_untreated,
    count(*) FILTER (WHERE category = 'chronic') AS chronic_ill,
    count(*) FILTER (WHERE category = 'mental') AS mental_ill
  FROM fact_illness WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
en AS (
  SELECT household_id, count(*) FILTER (WHERE medical <> 'none') AS insured, count(*) FILTER (WHERE medical = 'none') AS uninsured,
    count(*) FILTER (WHERE medical = 'both') AS insured_twice, count(*) FILTER (WHERE medical = 'resident' AND NOT serious) AS without_serious_cover
  FROM fact_insurance_enrolment WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
sc AS ( -- by student first, for the one who costs most; rows without a person count in the sums of the household
  SELECT household_id, sum(fees) / 1e2 AS school_fees_12m, sum(aid) / 1e2 AS school_aid_12m, max(fees - aid) FILTER (WHERE person_key IS NOT NULL) / 1e2 AS student_cost_12m
  FROM (
    SELECT household_id, person_key, sum(fees) AS fees, sum(coalesce(aid, 0)) AS aid
    FROM fact_school_cost
    WHERE household_id BETWEEN {{lo}} AND {{hi}} AND paid > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND paid <= {{as_of}}
    GROUP BY household_id, person_key
  ) GROUP BY household_id
),
sr AS (
  SELECT household_id,
    count(*) FILTER (WHERE stage IN ('senior', 'vocational', 'college') AND status = 'enrolled') AS students_beyond,
    count(*) FILTER (WHERE stage IN ('primary', 'junior', 'senior', 'vocational')) AS on_school_roll,
    count(*) FILTER (WHERE stage IN ('primary', 'junior') AND status IN ('enrolled', 'home_teaching')) AS enrolled_compulsory,
    count(*) FILTER (WHERE stage IN ('primary', 'junior') AND status = 'dropped') AS dropped_out,
    count(*) FILTER (WHERE stage IN ('primary', 'junior') AND status = 'suspected') AS dropout_suspected
  FROM fact_school_roll WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
mw AS ( -- by person first: distinct persons and the months of the one who worked longest
  SELECT household_id,
    count(*) FILTER (WHERE person_key IS NOT NULL AND spells_now > 0) AS working,
    count(*) FILTER (WHERE person_key IS NOT NULL AND spells_outside > 0) AS working_outside,
    sum(spells_now) AS spells_now, sum(wage_now) / 1e2 AS monthly_wage, max(wage_highest) / 1e2 AS wage_highest, min(wage_lowest) / 1e2 AS wage_lowest,
    max(months_worked) FILTER (WHERE person_key IS NOT NULL) AS months_worked
  FROM (
    SELECT household_id, person_key,
      count(*) FILTER (WHERE going_on) AS spells_now, count(*) FILTER (WHERE going_on AND place = 'outside') AS spells_outside,
      sum(wage) FILTER (WHERE going_on) AS wage_now, max(wage) AS wage_highest, min(wage) AS wage_lowest,
      sum(greatest(least(date_diff('month', started, {{as_of}}) + 1, 12) - greatest(date_diff('month', coalesce(ended, {{as_of}}), {{as_of}}), 0), 0))
        FILTER (WHERE started <= {{as_of}}) AS months_worked
    FROM (
      SELECT household_id, person_key, place, wage, started, ended,
        started <= {{as_of}} AND (ended IS NULL OR ended >= CAST(date_trunc('month', {{as_of}}) AS DATE)) AS going_on
      FROM fact_migrant_work WHERE household_id BETWEEN {{lo}} AND {{hi}}
    ) GROUP BY household_id, person_key
  ) GROUP BY household_id
),
un AS ( -- the longest joblessness is that of the earliest day
  SELECT household_id, count(DISTINCT person_key) FILTER (WHERE kind IN ('unemployed', 'returned')) AS jobless,
    min(happened) FILTER (WHERE kind IN ('unemployed', 'returned')) AS jobless_since,
    count(*) FILTER (WHERE kind = 'arrears') AS arrears_rows, sum(amount) FILTER (WHERE kind = 'arrears') / 1e2 AS wage_arrears
  FROM fact_unemployment
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND happened > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND happened <= {{as_of}} AND NOT coalesce(resolved, FALSE)
  GROUP BY household_id
),
pp AS (
  SELECT household_id, count(*) AS public_posts, max(posts) AS posts_one_person
  FROM (
    SELECT household_id, person_key, count(*) AS posts FROM fact_public_post
    WHERE household_id BETWEEN {{lo}} AND {{hi}} AND person_key IS NOT NULL AND started <= {{as_of}} AND (ended IS NULL OR ended >= {{as_of}})
    GROUP BY household_id, person_key
  ) GROUP BY household_id
),
sa AS (
  SELECT household_id, count(*) FILTER (WHERE kind = 'dibao') AS dibao, count(*) FILTER (WHERE kind = 'tekun') AS tekun,
    count(*) FILTER (WHERE kind IN ('edge', 'rigid')) AS edge, count(*) FILTER (WHERE kind = 'orphan') AS orphans, sum(coalesce(amount, 0)) / 1e2 AS assistance_monthly
  FROM fact_social_assistance WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
ta AS (
  SELECT household_id, sum(amount) / 1e2 AS temporary_aid_12m, count(*) AS temporary_aid_times
  FROM fact_temporary_aid
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND granted > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND granted <= {{as_of}}
  GROUP BY household_id
),
aa AS (
  SELECT household_id, count(*) FILTER (WHERE result = 'refused') AS aid_refused_6m, count(*) FILTER (WHERE result = 'ended') AS aid_ended_6m
  FROM fact_assistance_application
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND decided > CAST({{as_of}} - INTERVAL 6 MONTH AS DATE) AND decided <= {{as_of}}
  GROUP BY household_id
),
dc AS (
  SELECT household_id, count(*) AS disabled, count(*) FILTER (WHERE grade <= 2) AS severe_disabled,
    count(*) FILTER (WHERE grade <= 2 AND issued > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND issued <= {{as_of}}) AS severe_new_12m,
    count(*) FILTER (WHERE grade <= 2 AND NOT care_subsidy) AS severe_without_subsidy
  FROM fact_disability WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
ho AS (
  SELECT household_id, max(area) AS house_area,
    max(CASE WHEN grade IS NULL THEN NULL WHEN grade = 'homeless' THEN 5e0 WHEN repaired THEN 1e0 WHEN grade = 'd' THEN 4e0 WHEN grade = 'c' THEN 3e0
      WHEN grade = 'b' THEN 2e0 ELSE 1e0 END) AS housing_danger
  FROM fact_housing WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
wa AS (
  SELECT household_id, min(litres) AS water_litres, max(minutes) AS water_minutes, max(short_days) AS water_short_days, max(outage_days) AS water_outage_days,
    max(CASE quality WHEN TRUE THEN 0 WHEN FALSE THEN 1 END) AS water_quality_faults
  FROM fact_water WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
di AS (
  SELECT household_id, sum(loss) / 1e2 AS disaster_loss_12m, count(*) FILTER (WHERE house IN ('serious', 'collapsed')) AS disaster_houses_12m,
    sum(crop_area) AS disaster_crop_area_12m, sum(casualties) AS disaster_casualties_12m
  FROM fact_disaster
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND happened > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND happened <= {{as_of}}
  GROUP BY household_id
),
ac AS (
  SELECT household_id, count(DISTINCT person_key) FILTER (WHERE injury IN ('serious', 'disabled')) AS accident_injured_12m,
    count(DISTINCT person_key) FILTER (WHERE injury = 'death') AS accident_deaths_12m, sum(loss) / 1e2 AS accident_loss_12m
  FROM fact_traffic_accident
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND happened > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND happened <= {{as_of}}
  GROUP BY household_id
),
cr AS (
  SELECT household_id, count(DISTINCT person_key) AS deaths_cremation_12m
  FROM fact_cremation
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND died > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND died <= {{as_of}}
  GROUP BY household_id
),
hc AS (
  SELECT household_id, count(DISTINCT person_key) FILTER (WHERE change = 'death') AS deaths_hukou_12m,
    count(DISTINCT person_key) FILTER (WHERE change = 'death' AND birth <= changed - INTERVAL 16 YEAR AND birth > changed - INTERVAL 65 YEAR) AS deaths_working_age_12m,
    count(DISTINCT person_key) FILTER (WHERE change = 'birth') AS births_12m
  FROM fact_hukou_change
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND changed > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND changed <= {{as_of}} AND change IN ('death', 'birth')
  GROUP BY household_id
),
ip AS (
  SELECT household_id, count(*) FILTER (WHERE status = 'failed') AS projects_failed_12m, sum(loss) / 1e2 AS project_loss_12m
  FROM fact_industry_project
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND reported > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND reported <= {{as_of}} AND status <> 'normal'
  GROUP BY household_id
),
sl AS (
  SELECT household_id, sum(coalesce(balance, 0)) / 1e2 AS loan_balance, max(principal) / 1e2 AS loan_largest, sum(coalesce(overdue, 0)) / 1e2 AS overdue_amount,
    max(coalesce(overdue_days, 0)) AS overdue_days
  FROM fact_small_loan WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
el AS (
  SELECT household_id, sum(kwh) FILTER (WHERE kwh_last_year IS NOT NULL) AS kwh_3m, sum(kwh_last_year) AS kwh_3m_last_year, max(coalesce(arrears, 0)) / 1e2 AS power_arrears
  FROM fact_electricity
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND month > CAST({{as_of}} - INTERVAL 3 MONTH AS DATE) AND month <= {{as_of}}
  GROUP BY household_id
),
ass AS (
  SELECT household_id, count(*) FILTER (WHERE kind = 'car') AS cars, max(value) FILTER (WHERE kind = 'car') / 1e2 AS car_value,
    count(*) FILTER (WHERE kind = 'flat') AS flats, count(*) FILTER (WHERE kind = 'company') AS companies,
    count(DISTINCT person_key) FILTER (WHERE kind = 'public_servant') AS public_servants
  FROM fact_assets WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
pt AS (
  SELECT household_id, count(*) FILTER (WHERE topic IN ('hardship', 'medical', 'schooling')) AS petitions_90d, count(*) FILTER (WHERE topic IN ('housing', 'water')) AS petitions_basic_90d
  FROM fact_petition
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND received > {{as_of}} - 90 AND received <= {{as_of}}
  GROUP BY household_id
),
mo AS (
  SELECT household_id, bool_or(NOT cleared) AS is_monitored, bool_or(cleared) AS is_cleared, bool_or(cleared AND cleared_how = 'natural') AS cleared_naturally,
    bool_or(development_measure) AS has_development_measure, max(measures) AS measures, min(identified) AS identified, min(cleared_on) AS cleared_on,
    max(date_diff('month', identified, cleared_on)) AS months_to_clear, bool_or(risk1 = 'illness') AS recorded_illness,
    bool_or(risk1 = 'disability') AS recorded_disability, bool_or(risk1 = 'labour') AS recorded_labour
  FROM fact_monitored WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
base AS ( -- a feed that does not cover the county: unknown; one that does and has no row: nothing, where absence means that
  SELECT h.household_id, h.county,
    CASE WHEN c.roster THEN CAST(h.members AS DOUBLE) END AS members,
    CASE WHEN c.roster THEN coalesce(h.type IN ('exited', 'exited_no_policy'), FALSE) END AS is_exited,
    CASE WHEN c.roster THEN coalesce(h.relocated, FALSE) END AS is_relocated,
    CASE WHEN c.roster THEN CAST(coalesce(pe.heads, 0) AS DOUBLE) END AS heads,
    CASE WHEN c.roster THEN CAST(coalesce(pe.spouses, 0) AS DOUBLE) END AS spouses,
    CASE WHEN c.roster THEN CAST(coalesce(pe.couple_men, 0) AS DOUBLE) END AS couple_men,
    CASE WHEN c.roster THEN CAST(coalesce(pe.labourers, 0) AS DOUBLE) END AS labourers,
    CASE WHEN c.roster THEN CAST(coalesce(pe.able_labourers, 0) AS DOUBLE) END AS able_labourers,
    CASE WHEN c.roster THEN CAST(coalesce(pe.weak_labourers, 0) AS DOUBLE) END AS weak_labourers,
    CASE WHEN c.roster THEN CAST(coalesce(pe.labour_unknown, 0) AS DOUBLE) END AS labour_unknown,
    CASE WHEN c.roster THEN CAST(coalesce(pe.under_16, 0) AS DOUBLE) END AS under_16,
    CASE WHEN c.roster THEN CAST(coalesce(pe.children_6_15, 0) AS DOUBLE) END AS children_6_15,
    CASE WHEN c.roster THEN CAST(coalesce(pe.children_7_14, 0) AS DOUBLE) END AS children_7_14,
    CASE WHEN c.roster THEN CAST(coalesce(pe.elderly, 0) AS DOUBLE) END AS elderly,
    CASE WHEN c.roster THEN CAST(coalesce(pe.working_age, 0) AS DOUBLE) END AS working_age,
    CASE WHEN c.roster THEN CAST(coalesce(pe.child_labourers, 0) AS DOUBLE) END AS child_labourers,
    CASE WHEN c.roster THEN CAST(coalesce(pe.student_labourers, 0) AS DOUBLE) END AS student_labourers,
    CASE WHEN c.roster THEN CAST(coalesce(pe.healthy_without_labour, 0) AS DOUBLE) END AS healthy_without_labour,
    CASE WHEN c.roster THEN CAST(coalesce(pe.minor_heads, 0) AS DOUBLE) END AS minor_heads,
    CASE WHEN c.roster THEN CAST(coalesce(pe.age_unknown, 0) AS DOUBLE) END AS age_unknown,
    CASE WHEN c.roster THEN CAST(coalesce(pe.age_implausible, 0) AS DOUBLE) END AS age_implausible,
    CASE WHEN c.roster THEN CAST(coalesce(pe.preschool_too_old, 0) AS DOUBLE) END AS preschool_too_old,
    CASE WHEN c.roster THEN CAST(coalesce(pe.aged_without_education, 0) AS DOUBLE) END AS aged_without_education,
    CASE WHEN c.roster THEN CAST(coalesce(pe.aged_labourers, 0) AS DOUBLE) END AS aged_labourers,
    CASE WHEN c.income THEN CAST(inc.wage_income AS DOUBLE) END AS wage_income,
    CASE WHEN c.income THEN CAST(inc.business_income AS DOUBLE) END AS business_income,
    CASE WHEN c.income THEN CAST(coalesce(inc.property_income, 0) AS DOUBLE) END AS property_income,
    CASE WHEN c.income THEN CAST(coalesce(inc.transfer_income, 0) AS DOUBLE) END AS transfer_income,
    CASE WHEN c.income THEN CAST(coalesce(inc.business_cost, 0) AS DOUBLE) END AS business_cost,
    CASE WHEN c.income THEN CAST(coalesce(inc.claims, 0) AS DOUBLE) END AS claims,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.medical_total_12m, 0) AS DOUBLE) END AS medical_total_12m,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.medical_self_paid_12m, 0) AS DOUBLE) END AS medical_self_paid_12m,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.compliant_self_paid_12m, 0) AS DOUBLE) END AS compliant_self_paid_12m,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.medical_self_paid_ytd, 0) AS DOUBLE) END AS medical_self_paid_ytd,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.medical_self_paid_3m, 0) AS DOUBLE) END AS medical_self_paid_3m,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.person_self_paid_12m, 0) AS DOUBLE) END AS person_self_paid_12m,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.admission_self_paid_12m, 0) AS DOUBLE) END AS admission_self_paid_12m,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.admissions_12m, 0) AS DOUBLE) END AS admissions_12m,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.outside_self_paid_12m, 0) AS DOUBLE) END AS outside_self_paid_12m,
    CASE WHEN c.health_settlement THEN CAST(coalesce(hs.chronic_self_paid_3m, 0) AS DOUBLE) END AS chronic_self_paid_3m,
    CASE WHEN c.illness THEN CAST(coalesce(il.serious_ill, 0) AS DOUBLE) END AS serious_ill,
    CASE WHEN c.illness THEN CAST(coalesce(il.serious_new_12m, 0) AS DOUBLE) END AS serious_new_12m,
    CASE WHEN c.illness THEN CAST(coalesce(il.serious_untreated, 0) AS DOUBLE) END AS serious_untreated,
    CASE WHEN c.illness THEN CAST(coalesce(il.chronic_ill, 0) AS DOUBLE) END AS chronic_ill,
    CASE WHEN c.illness THEN CAST(coalesce(il.mental_ill, 0) AS DOUBLE) END AS mental_ill,
    CASE WHEN c.insurance_enrolment THEN CAST(coalesce(en.insured, 0) AS DOUBLE) END AS insured,
    CASE WHEN c.insurance_enrolment THEN CAST(coalesce(en.uninsured, 0) AS DOUBLE) END AS uninsured,
    CASE WHEN c.insurance_enrolment THEN CAST(coalesce(en.insured_twice, 0) AS DOUBLE) END AS insured_twice,
    CASE WHEN c.insurance_enrolment THEN CAST(coalesce(en.without_serious_cover, 0) AS DOUBLE) END AS without_serious_cover,
    CASE WHEN c.school_cost THEN CAST(coalesce(sc.school_fees_12m, 0) AS DOUBLE) END AS school_fees_12m,
    CASE WHEN c.school_cost THEN CAST(coalesce(sc.school_aid_12m, 0) AS DOUBLE) END AS school_aid_12m,
    CASE WHEN c.school_cost THEN CAST(coalesce(sc.student_cost_12m, 0) AS DOUBLE) END AS student_cost_12m,
    CASE WHEN c.school_roll THEN CAST(coalesce(sr.students_beyond, 0) AS DOUBLE) END AS students_beyond,
    CASE WHEN c.school_roll THEN CAST(coalesce(sr.on_school_roll, 0) AS DOUBLE) END AS on_school_roll,
    CASE WHEN c.school_roll THEN CAST(coalesce(sr.enrolled_compulsory, 0) AS DOUBLE) END AS enrolled_compulsory,
    CASE WHEN c.school_roll THEN CAST(coalesce(sr.dropped_out, 0) AS DOUBLE) END AS dropped_out,
    CASE WHEN c.school_roll THEN CAST(coalesce(sr.dropout_suspected, 0) AS DOUBLE) END AS dropout_suspected,
    CASE WHEN c.migrant_work THEN CAST(coalesce(mw.working, 0) AS DOUBLE) END AS working,
    CASE WHEN c.migrant_work THEN CAST(coalesce(mw.working_outside, 0) AS DOUBLE) END AS working_outside,
    CASE WHEN c.migrant_work THEN CASE WHEN mw.spells_now > 0 THEN CAST(mw.monthly_wage AS DOUBLE) ELSE 0e0 END END AS monthly_wage,
    CASE WHEN c.migrant_work THEN CASE WHEN mw.household_id IS NOT NULL THEN CAST(mw.wage_highest AS DOUBLE) ELSE 0e0 END END AS wage_highest,
    CASE WHEN c.migrant_work THEN CAST(mw.wage_lowest AS DOUBLE) END AS wage_lowest,
    CASE WHEN c.migrant_work THEN CAST(coalesce(mw.months_worked, 0) AS DOUBLE) END AS months_worked,
    CASE WHEN c.unemployment THEN CAST(coalesce(un.jobless, 0) AS DOUBLE) END AS jobless,
    CASE WHEN c.unemployment THEN CAST(coalesce(date_diff('month', un.jobless_since, {{as_of}}) - CASE WHEN day(un.jobless_since) > day({{as_of}}) THEN 1 ELSE 0 END, 0) AS DOUBLE) END AS jobless_months,
    CASE WHEN c.unemployment THEN CASE WHEN un.arrears_rows > 0 THEN CAST(un.wage_arrears AS DOUBLE) ELSE 0e0 END END AS wage_arrears,
    CASE WHEN c.public_post THEN CAST(coalesce(pp.public_posts, 0) AS DOUBLE) END AS public_posts,
    CASE WHEN c.public_post THEN CAST(coalesce(pp.posts_one_person, 0) AS DOUBLE) END AS posts_one_person,
    CASE WHEN c.social_assistance THEN CAST(coalesce(sa.dibao, 0) AS DOUBLE) END AS dibao,
    CASE WHEN c.social_assistance THEN CAST(coalesce(sa.tekun, 0) AS DOUBLE) END AS tekun,
    CASE WHEN c.social_assistance THEN CAST(coalesce(sa.edge, 0) AS DOUBLE) END AS edge,
    CASE WHEN c.social_assistance THEN CAST(coalesce(sa.orphans, 0) AS DOUBLE) END AS orphans,
    CASE WHEN c.social_assistance THEN CAST(coalesce(sa.assistance_monthly, 0) AS DOUBLE) END AS assistance_monthly,
    CASE WHEN c.temporary_aid THEN CAST(coalesce(ta.temporary_aid_12m, 0) AS DOUBLE) END AS temporary_aid_12m,
    CASE WHEN c.temporary_aid THEN CAST(coalesce(ta.temporary_aid_times, 0) AS DOUBLE) END AS temporary_aid_times,
    CASE WHEN c.assistance_application THEN CAST(coalesce(aa.aid_refused_6m, 0) AS DOUBLE) END AS aid_refused_6m,
    CASE WHEN c.assistance_application THEN CAST(coalesce(aa.aid_ended_6m, 0) AS DOUBLE) END AS aid_ended_6m,
    CASE WHEN c.disability THEN CAST(coalesce(dc.disabled, 0) AS DOUBLE) END AS disabled,
    CASE WHEN c.disability THEN CAST(coalesce(dc.severe_disabled, 0) AS DOUBLE) END AS severe_disabled,
    CASE WHEN c.disability THEN CAST(coalesce(dc.severe_new_12m, 0) AS DOUBLE) END AS severe_new_12m,
    CASE WHEN c.disability THEN CAST(coalesce(dc.severe_without_subsidy, 0) AS DOUBLE) END AS severe_without_subsidy,
    CASE WHEN c.housing THEN CAST(ho.housing_danger AS DOUBLE) END AS housing_danger,
    CASE WHEN c.housing THEN CAST(ho.house_area AS DOUBLE) END AS house_area,
    CASE WHEN c.water THEN CAST(wa.water_litres AS DOUBLE) END AS water_litres,
    CASE WHEN c.water THEN CAST(wa.water_minutes AS DOUBLE) END AS water_minutes,
    CASE WHEN c.water THEN CAST(wa.water_short_days AS DOUBLE) END AS water_short_days,
    CASE WHEN c.water THEN CAST(wa.water_outage_days AS DOUBLE) END AS water_outage_days,
    CASE WHEN c.water THEN CAST(wa.water_quality_faults AS DOUBLE) END AS water_quality_faults,
    CASE WHEN c.disaster THEN CASE WHEN di.household_id IS NOT NULL THEN CAST(di.disaster_loss_12m AS DOUBLE) ELSE 0e0 END END AS disaster_loss_12m,
    CASE WHEN c.disaster THEN CAST(coalesce(di.disaster_houses_12m, 0) AS DOUBLE) END AS disaster_houses_12m,
    CASE WHEN c.disaster THEN CASE WHEN di.household_id IS NOT NULL THEN CAST(di.disaster_crop_area_12m AS DOUBLE) ELSE 0e0 END END AS disaster_crop_area_12m,
    CASE WHEN c.disaster THEN CASE WHEN di.household_id IS NOT NULL THEN CAST(di.disaster_casualties_12m AS DOUBLE) ELSE 0e0 END END AS disaster_casualties_12m,
    CASE WHEN c.traffic_accident THEN CAST(coalesce(ac.accident_injured_12m, 0) AS DOUBLE) END AS accident_injured_12m,
    CASE WHEN c.traffic_accident THEN CAST(coalesce(ac.accident_deaths_12m, 0) AS DOUBLE) END AS accident_deaths_12m,
    CASE WHEN c.traffic_accident THEN CASE WHEN ac.household_id IS NOT NULL THEN CAST(ac.accident_loss_12m AS DOUBLE) ELSE 0e0 END END AS accident_loss_12m,
    CASE WHEN c.cremation THEN CAST(coalesce(cr.deaths_cremation_12m, 0) AS DOUBLE) END AS deaths_cremation_12m,
    CASE WHEN c.hukou_change THEN CAST(coalesce(hc.deaths_hukou_12m, 0) AS DOUBLE) END AS deaths_hukou_12m,
    CASE WHEN c.hukou_change THEN CAST(coalesce(hc.deaths_working_age_12m, 0) AS DOUBLE) END AS deaths_working_age_12m,
    CASE WHEN c.hukou_change THEN CAST(coalesce(hc.births_12m, 0) AS DOUBLE) END AS births_12m,
    CASE WHEN c.industry_project THEN CAST(coalesce(ip.projects_failed_12m, 0) AS DOUBLE) END AS projects_failed_12m,
    CASE WHEN c.industry_project THEN CASE WHEN ip.household_id IS NOT NULL THEN CAST(ip.project_loss_12m AS DOUBLE) ELSE 0e0 END END AS project_loss_12m,
    CASE WHEN c.small_loan THEN CAST(coalesce(sl.loan_balance, 0) AS DOUBLE) END AS loan_balance,
    CASE WHEN c.small_loan THEN CASE WHEN sl.household_id IS NOT NULL THEN CAST(sl.loan_largest AS DOUBLE) ELSE 0e0 END END AS loan_largest,
    CASE WHEN c.small_loan THEN CAST(coalesce(sl.overdue_amount, 0) AS DOUBLE) END AS overdue_amount,
    CASE WHEN c.small_loan THEN CAST(coalesce(sl.overdue_days, 0) AS DOUBLE) END AS overdue_days,
    CASE WHEN c.electricity THEN CAST(el.kwh_3m AS DOUBLE) END AS kwh_3m,
    CASE WHEN c.electricity THEN CAST(el.kwh_3m_last_year AS DOUBLE) END AS kwh_3m_last_year,
    CASE WHEN c.electricity THEN CAST(coalesce(el.power_arrears, 0) AS DOUBLE) END AS power_arrears,
    CASE WHEN c.assets THEN CAST(coalesce(ass.cars, 0) AS DOUBLE) END AS cars,
    CASE WHEN c.assets THEN CASE WHEN ass.cars > 0 THEN CAST(ass.car_value AS DOUBLE) ELSE 0e0 END END AS car_value,
    CASE WHEN c.assets THEN CAST(coalesce(ass.flats, 0) AS DOUBLE) END AS flats,
    CASE WHEN c.assets THEN CAST(coalesce(ass.companies, 0) AS DOUBLE) END AS companies,
    CASE WHEN c.assets THEN CAST(coalesce(ass.public_servants, 0) AS DOUBLE) END AS public_servants,
    CASE WHEN c.petition THEN CAST(coalesce(pt.petitions_90d, 0) AS DOUBLE) END AS petitions_90d,
    CASE WHEN c.petition THEN CAST(coalesce(pt.petitions_basic_90d, 0) AS DOUBLE) END AS petitions_basic_90d,
    CASE WHEN c.monitored THEN coalesce(mo.is_monitored, FALSE) END AS is_monitored,
    CASE WHEN c.monitored THEN coalesce(mo.is_cleared, FALSE) END AS is_cleared,
    CASE WHEN c.monitored THEN coalesce(mo.cleared_naturally, FALSE) END AS cleared_naturally,
    CASE WHEN c.monitored THEN coalesce(mo.has_development_measure, FALSE) END AS has_development_measure,
    CASE WHEN c.monitored THEN CAST(mo.measures AS DOUBLE) END AS measures,
    CASE WHEN c.monitored THEN CAST(date_sub('month', mo.identified, {{as_of}}) AS DOUBLE) END AS months_identified,
    CASE WHEN c.monitored THEN CAST(date_sub('month', mo.cleared_on, {{as_of}}) AS DOUBLE) END AS months_cleared,
    CASE WHEN c.monitored THEN CAST(mo.months_to_clear AS DOUBLE) END AS months_to_clear,
    CASE WHEN c.monitored THEN coalesce(mo.recorded_illness, FALSE) END AS recorded_illness,
    CASE WHEN c.monitored THEN coalesce(mo.recorded_disability, FALSE) END AS recorded_disability,
    CASE WHEN c.monitored THEN coalesce(mo.recorded_labour, FALSE) END AS recorded_labour
  FROM household AS h
  LEFT JOIN cov AS c ON c.county = h.county
  LEFT JOIN pe ON pe.household_id = h.household_id
  LEFT JOIN inc ON inc.household_id = h.household_id
  LEFT JOIN hs ON hs.household_id = h.household_id
  LEFT JOIN il ON il.household_id = h.household_id
  LEFT JOIN en ON en.household_id = h.household_id
  LEFT JOIN sc ON sc.household_id = h.household_id
  LEFT JOIN sr ON sr.household_id = h.household_id
  LEFT JOIN mw ON mw.household_id = h.household_id
  LEFT JOIN un ON un.household_id = h.household_id
  LEFT JOIN pp ON pp.household_id = h.household_id
  LEFT JOIN sa ON sa.household_id = h.household_id
  LEFT JOIN ta ON ta.household_id = h.household_id
  LEFT JOIN aa ON aa.household_id = h.household_id
  LEFT JOIN dc ON dc.household_id = h.household_id
  LEFT JOIN ho ON ho.household_id = h.household_id
  LEFT JOIN wa ON wa.household_id = h.household_id
  LEFT JOIN di ON di.household_id = h.household_id
  LEFT JOIN ac ON ac.household_id = h.household_id
  LEFT JOIN cr ON cr.household_id = h.household_id
  LEFT JOIN hc ON hc.household_id = h.household_id
  LEFT JOIN ip ON ip.household_id = h.household_id
  LEFT JOIN sl ON sl.household_id = h.household_id
  LEFT JOIN el ON el.household_id = h.household_id
  LEFT JOIN ass ON ass.household_id = h.household_id
  LEFT JOIN pt ON pt.household_id = h.household_id
  LEFT JOIN mo ON mo.household_id = h.household_id
  WHERE h.household_id BETWEEN {{lo}} AND {{hi}}
),
net AS (
  SELECT *, wage_income + business_income + property_income + transfer_income - business_cost AS income_net,
    CASE WHEN school_fees_12m - school_aid_12m < 0e0 THEN 0e0 ELSE school_fees_12m - school_aid_12m END AS school_cost_net_12m
  FROM base
),
derived AS (
  SELECT *,
    CASE WHEN income_net < 1e0 THEN 1e0 ELSE income_net END AS income_floor,
    nullif(members, 0e0) AS members_or_null,
    income_net + claims - compliant_self_paid_12m AS reference_income_total
  FROM net
),
figures AS (
  SELECT *,
    members - able_labourers AS dependants,
    (members - able_labourers) / nullif(able_labourers, 0e0) AS dependency_ratio,
    income_net / members_or_null AS income_per_head,
    reference_income_total / members_or_null AS reference_income_per_head,
    1e2 * wage_income / nullif(wage_income + business_income + property_income + transfer_income, 0e0) AS wage_share,
    1e2 * medical_self_paid_12m / income_floor AS medical_burden,
    chronic_self_paid_3m / 3e0 AS chronic_self_paid_monthly,
    CASE WHEN members - insured - uninsured < 0e0 THEN 0e0 ELSE members - insured - uninsured END AS enrolment_gap,
    1e2 * school_cost_net_12m / income_floor AS school_burden,
    (income_net - school_cost_net_12m) / members_or_null AS income_after_school_per_head,
    CASE WHEN children_7_14 - on_school_roll < 0e0 THEN 0e0 ELSE children_7_14 - on_school_roll END AS school_roll_gap,
    1e2 * (medical_self_paid_12m + school_cost_net_12m) / income_floor AS rigid_burden,
    dibao + tekun AS assisted,
    housing_danger >= 3e0 AS house_unsafe,
    1e2 * disaster_loss_12m / income_floor AS disaster_burden,
    1e2 * accident_loss_12m / income_floor AS accident_burden,
    (income_net + claims - disaster_loss_12m - accident_loss_12m) / members_or_null AS income_after_shocks_per_head,
    1e2 * project_loss_12m / income_floor AS project_burden,
    (income_net + claims - project_loss_12m) / members_or_null AS income_after_project_per_head,
    1e2 * (kwh_3m_last_year - kwh_3m) / nullif(kwh_3m_last_year, 0e0) AS power_drop,
    cars + flats + companies + public_servants AS wealth_signs,
    is_monitored OR is_cleared AS ever_monitored
  FROM derived
)
SELECT household_id,
  members AS i_members, is_exited AS i_is_exited, is_relocated AS i_is_relocated, heads AS i_heads, spouses AS i_spouses, couple_men AS i_couple_men,
  labourers AS i_labourers, able_labourers AS i_able_labourers, weak_labourers AS i_weak_labourers, labour_unknown AS i_labour_unknown,
  under_16 AS i_under_16, children_6_15 AS i_children_6_15, children_7_14 AS i_children_7_14, elderly AS i_elderly, working_age AS i_working_age,
  child_labourers AS i_child_labourers, student_labourers AS i_student_labourers, healthy_without_labour AS i_healthy_without_labour,
  minor_heads AS i_minor_heads, age_unknown AS i_age_unknown, age_implausible AS i_age_implausible, preschool_too_old AS i_preschool_too_old,
  aged_without_education AS i_aged_without_education, aged_labourers AS i_aged_labourers, wage_income AS i_wage_income,
  business_income AS i_business_income, property_income AS i_property_income, transfer_income AS i_transfer_income, business_cost AS i_business_cost,
  claims AS i_claims, medical_total_12m AS i_medical_total_12m, medical_self_paid_12m AS i_medical_self_paid_12m,
  compliant_self_paid_12m AS i_compliant_self_paid_12m, medical_self_paid_ytd AS i_medical_self_paid_ytd,
  medical_self_paid_3m AS i_medical_self_paid_3m, person_self_paid_12m AS i_person_self_paid_12m,
  admission_self_paid_12m AS i_admission_self_paid_12m, admissions_12m AS i_admissions_12m, outside_self_paid_12m AS i_outside_self_paid_12m,
  chronic_self_paid_3m AS i_chronic_self_paid_3m, serious_ill AS i_serious_ill, serious_new_12m AS i_serious_new_12m,
  serious_untreated AS i_serious_untreated, chronic_ill AS i_chronic_ill, mental_ill AS i_mental_ill, insured AS i_insured, uninsured AS i_uninsured,
  insured_twice AS i_insured_twice, without_serious_cover AS i_without_serious_cover, school_fees_12m AS i_school_fees_12m,
  school_aid_12m AS i_school_aid_12m, student_cost_12m AS i_student_cost_12m, students_beyond AS i_students_beyond,
  on_school_roll AS i_on_school_roll, enrolled_compulsory AS i_enrolled_compulsory, dropped_out AS i_dropped_out,
  dropout_suspected AS i_dropout_suspected, working AS i_working, working_outside AS i_working_outside, monthly_wage AS i_monthly_wage,
  wage_highest AS i_wage_highest, wage_lowest AS i_wage_lowest, months_worked AS i_months_worked, jobless AS i_jobless,
  jobless_months AS i_jobless_months, wage_arrears AS i_wage_arrears, public_posts AS i_public_posts, posts_one_person AS i_posts_one_person,
  dibao AS i_dibao, tekun AS i_tekun, edge AS i_edge, orphans AS i_orphans, assistance_monthly AS i_assistance_monthly,
  temporary_aid_12m AS i_temporary_aid_12m, temporary_aid_times AS i_temporary_aid_times, aid_refused_6m AS i_aid_refused_6m,
  aid_ended_6m AS i_aid_ended_6m, disabled AS i_disabled, severe_disabled AS i_severe_disabled, severe_new_12m AS i_severe_new_12m,
  severe_without_subsidy AS i_severe_without_subsidy, housing_danger AS i_housing_danger, house_area AS i_house_area, water_litres AS i_water_litres,
  water_minutes AS i_water_minutes, water_short_days AS i_water_short_days, water_outage_days AS i_water_outage_days,
  water_quality_faults AS i_water_quality_faults, disaster_loss_12m AS i_disaster_loss_12m, disaster_houses_12m AS i_disaster_houses_12m,
  disaster_crop_area_12m AS i_disaster_crop_area_12m, disaster_casualties_12m AS i_disaster_casualties_12m,
  accident_injured_12m AS i_accident_injured_12m, accident_deaths_12m AS i_accident_deaths_12m, accident_loss_12m AS i_accident_loss_12m,
  deaths_cremation_12m AS i_deaths_cremation_12m, deaths_hukou_12m AS i_deaths_hukou_12m, deaths_working_age_12m AS i_deaths_working_age_12m,
  births_12m AS i_births_12m, projects_failed_12m AS i_projects_failed_12m, project_loss_12m AS i_project_loss_12m, loan_balance AS i_loan_balance,
  loan_largest AS i_loan_largest, overdue_amount AS i_overdue_amount, overdue_days AS i_overdue_days, kwh_3m AS i_kwh_3m,
  kwh_3m_last_year AS i_kwh_3m_last_year, power_arrears AS i_power_arrears, cars AS i_cars, car_value AS i_car_value, flats AS i_flats,
  companies AS i_companies, public_servants AS i_public_servants, petitions_90d AS i_petitions_90d, petitions_basic_90d AS i_petitions_basic_90d,
  is_monitored AS i_is_monitored, is_cleared AS i_is_cleared, cleared_naturally AS i_cleared_naturally,
  has_development_measure AS i_has_development_measure, measures AS i_measures, months_identified AS i_months_identified,
  months_cleared AS i_months_cleared, months_to_clear AS i_months_to_clear, recorded_illness AS i_recorded_illness,
  recorded_disability AS i_recorded_disability, recorded_labour AS i_recorded_labour, income_net AS i_income_net,
  school_cost_net_12m AS i_school_cost_net_12m, reference_income_total AS i_reference_income_total, dependants AS i_dependants,
  dependency_ratio AS i_dependency_ratio, income_per_head AS i_income_per_head, reference_income_per_head AS i_reference_income_per_head,
  wage_share AS i_wage_share, medical_burden AS i_medical_burden, chronic_self_paid_monthly AS i_chronic_self_paid_monthly,
  enrolment_gap AS i_enrolment_gap, school_burden AS i_school_burden, income_after_school_per_head AS i_income_after_school_per_head,
  school_roll_gap AS i_school_roll_gap, rigid_burden AS i_rigid_burden, assisted AS i_assisted, house_unsafe AS i_house_unsafe,
  disaster_burden AS i_disaster_burden, accident_burden AS i_accident_burden, income_after_shocks_per_head AS i_income_after_shocks_per_head,
  project_burden AS i_project_burden, income_after_project_per_head AS i_income_after_project_per_head, power_drop AS i_power_drop,
  wealth_signs AS i_wealth_signs, ever_monitored AS i_ever_monitored,
  reference_income_per_head < 8500e0 /* line */ * 0.7e0 /* income_severe */ AND medical_burden >= 40e0 /* medical_burden_high */ AND (medical_self_paid_12m >
    1e0 /* medical_warn_other */ * 16900e0 /* rural_income_last_year */ OR (is_monitored AND medical_self_paid_12m > 0.5e0 /* medical_warn_monitored */ *
    16900e0 /* rural_income_last_year */)) AS r_illness_poverty,
  income_per_head >= 8500e0 /* line */ AND reference_income_per_head < 8500e0 /* line */ AND compliant_self_paid_12m > 1e0 /* medical_warn_other */ * 16900e0
    /* rural_income_last_year */ AND medical_burden >= (CASE county // 100 WHEN 5201 THEN 80e0 WHEN 5203 THEN 70e0 ELSE 60e0 END) /* rigid_ratio */ AS
    r_illness_sudden,
  medical_burden >= 40e0 /* medical_burden_high */ AND reference_income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AND (medical_self_paid_12m >
    1e0 /* medical_warn_other */ * 16900e0 /* rural_income_last_year */ OR (is_monitored AND medical_self_paid_12m > 0.5e0 /* medical_warn_monitored */ *
    16900e0 /* rural_income_last_year */)) AS r_illness_burden,
  is_monitored AND medical_self_paid_ytd > 0.5e0 /* medical_warn_monitored */ * 16900e0 /* rural_income_last_year */ AS r_illness_year_monitored,
  person_self_paid_12m > 1e0 /* medical_warn_other */ * 16900e0 /* rural_income_last_year */ AND medical_burden >= 30e0 /* medical_burden_watch */ AND
    reference_income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_illness_person_watch,
  reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AND (admission_self_paid_12m > 10000e0 /* admission_other */ OR (is_monitored AND
    admission_self_paid_12m > 6000e0 /* admission_monitored */)) AS r_illness_admission,
  serious_new_12m >= 1 AND reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_illness_serious_new,
  serious_new_12m >= 1 AND reference_income_per_head < 8500e0 /* line */ * 2e0 /* income_ample */ AS r_illness_serious_watch,
  serious_untreated >= 1 AND income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_illness_untreated,
  chronic_self_paid_monthly > 500e0 /* chronic_monthly */ AND reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_illness_chronic,
  outside_self_paid_12m > 10000e0 /* admission_other */ AND reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_illness_outside,
  mental_ill >= 1 AND able_labourers <= 1 AND labour_unknown = 0 AND income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_illness_mental,
  student_cost_12m > (CASE county WHEN 522632 THEN 8000e0 ELSE 10000e0 END) /* school_warn */ AND income_after_school_per_head < 8500e0 /* line */ * 0.7e0 /*
    income_severe */ AS r_schooling_severe,
  student_cost_12m > (CASE county WHEN 522632 THEN 8000e0 ELSE 10000e0 END) /* school_warn */ AND income_after_school_per_head < 8500e0 /* line */ AS
    r_schooling_poverty,
  student_cost_12m > (CASE county WHEN 522632 THEN 8000e0 ELSE 10000e0 END) /* school_warn */ AND school_burden >= 20e0 /* school_burden_watch */ AND
    income_after_school_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_schooling_burden,
  school_cost_net_12m > (CASE county WHEN 522632 THEN 8000e0 ELSE 10000e0 END) /* school_warn */ AND income_after_school_per_head < 8500e0 /* line */ AS
    r_schooling_together,
  students_beyond >= 2 AND income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_schooling_several,
  severe_disabled >= 1 AND able_labourers = 0 AND labour_unknown = 0 AND income_per_head < 8500e0 /* line */ AND assisted = 0 AS r_disability_no_support,
  severe_disabled >= 1 AND able_labourers <= 1 AND labour_unknown = 0 AND reference_income_per_head < 8500e0 /* line */ AND tekun = 0 AS r_disability_burden,
  severe_new_12m >= 1 AND reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_disability_new_labour,
  severe_new_12m >= 1 AND income_per_head < 8500e0 /* line */ * 2e0 /* income_ample */ AS r_disability_new,
  labourers = 0 AND labour_unknown = 0 AND members > 0 AND income_per_head < 8500e0 /* line */ AND assisted = 0 AS r_labour_none,
  able_labourers = 0 AND labour_unknown = 0 AND members > 0 AND reference_income_per_head < 8500e0 /* line */ AND assisted = 0 AS r_labour_weak,
  dependency_ratio >= 3e0 /* dependency_high */ AND labour_unknown = 0 AND income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AND assisted = 0 AS
    r_labour_dependants,
  deaths_working_age_12m >= 1 AND reference_income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_labour_lost,
  deaths_working_age_12m >= 1 AND reference_income_per_head < 8500e0 /* line */ * 2e0 /* income_ample */ AS r_labour_lost_watch,
  (deaths_cremation_12m >= 1 OR deaths_hukou_12m >= 1) AND able_labourers <= 1 AND labour_unknown = 0 AND under_16 + elderly >= 2 AND
    reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_labour_death,
  orphans >= 1 AND income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_labour_orphans,
  disaster_houses_12m >= 1 AND NOT coalesce(housing_danger <= 2 AND income_per_head >= 8500e0 /* line */ * 1.5e0 /* income_cope */, FALSE) AS r_disaster_house,
  disaster_loss_12m >= 10000e0 /* disaster_loss_warn */ AND disaster_burden >= 50e0 /* loss_burden_high */ AND income_after_shocks_per_head < 8500e0 /* line
    */ AS r_disaster_sudden,
  disaster_loss_12m >= 10000e0 /* disaster_loss_warn */ AND income_after_shocks_per_head < 8500e0 /* line */ AS r_disaster_poverty,
  disaster_loss_12m >= 10000e0 /* disaster_loss_warn */ AND income_after_shocks_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_disaster_watch,
  disaster_casualties_12m >= 1 AND income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_disaster_casualties,
  (accident_deaths_12m >= 1 OR accident_injured_12m >= 1) AND able_labourers <= 1 AND labour_unknown = 0 AND reference_income_per_head < 8500e0 /* line */ *
    1.5e0 /* income_cope */ AS r_accident_labour,
  (accident_deaths_12m >= 1 OR accident_injured_12m >= 1) AND reference_income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_accident_injury,
  (accident_deaths_12m >= 1 OR accident_injured_12m >= 1) AND reference_income_per_head < 8500e0 /* line */ * 2e0 /* income_ample */ AS r_accident_watch,
  accident_loss_12m >= 10000e0 /* accident_loss_warn */ AND accident_burden >= 50e0 /* loss_burden_high */ AND income_after_shocks_per_head < 8500e0 /* line
    */ AS r_accident_loss,
  projects_failed_12m >= 1 AND project_loss_12m >= 10000e0 /* project_loss_warn */ AND project_burden >= 50e0 /* loss_burden_high */ AND
    income_after_project_per_head < 8500e0 /* line */ AS r_business_failed,
  project_loss_12m >= 10000e0 /* project_loss_warn */ AND income_after_project_per_head < 8500e0 /* line */ AS r_business_loss,
  projects_failed_12m >= 1 AND project_loss_12m >= 10000e0 /* project_loss_warn */ AND income_after_project_per_head < 8500e0 /* line */ * 1.5e0 /*
    income_cope */ AS r_business_watch,
  overdue_amount > 0 AND overdue_days >= 90e0 /* overdue_days_high */ AND reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS
    r_loan_overdue_high,
  overdue_amount > 0 AND overdue_days >= 30e0 /* overdue_days_watch */ AND reference_income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS
    r_loan_overdue,
  jobless >= 1 AND jobless_months >= 3e0 /* jobless_months */ AND able_labourers >= 1 AND working = 0 AND reference_income_per_head < 8500e0 /* line */ AND
    assisted = 0 AS r_employment_lost_poor,
  jobless >= 1 AND jobless_months >= 3e0 /* jobless_months */ AND reference_income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AND (working = 0 OR
    reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */) AS r_employment_lost,
  jobless >= 1 AND jobless_months + 1 >= 3e0 /* jobless_months */ AND reference_income_per_head < 8500e0 /* line */ * 2e0 /* income_ample */ AS
    r_employment_lost_watch,
  working = 0 AND months_worked > 0 AND months_worked < 6e0 /* work_months_min */ AND wage_share >= 50e0 /* wage_share_main */ AND reference_income_per_head <
    8500e0 /* line */ * 1.1e0 /* income_near */ AS r_employment_unstable,
  wage_arrears >= 5000e0 /* wage_arrears_warn */ AND reference_income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_employment_arrears,
  wage_arrears >= 5000e0 /* wage_arrears_warn */ AND reference_income_per_head < 8500e0 /* line */ * 2e0 /* income_ample */ AS r_employment_arrears_watch,
  dropped_out >= 1 AS r_schooling_dropout,
  dropout_suspected >= 1 AS r_schooling_suspected,
  school_roll_gap >= 1 AND working_outside = 0 AND income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_schooling_not_found,
  uninsured >= 1 AND (serious_ill >= 1 OR medical_self_paid_12m > 1e0 /* medical_warn_other */ * 16900e0 /* rural_income_last_year */) AND
    reference_income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_uninsured_ill,
  uninsured >= 1 AND (is_monitored OR assisted >= 1 OR income_per_head < 8500e0 /* line */) AS r_uninsured_vulnerable,
  uninsured >= 1 AND reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_uninsured_member,
  housing_danger >= 4 AS r_housing_dangerous,
  housing_danger = 3 AS r_housing_partly,
  (water_quality_faults >= 1 AND (water_litres < (CASE WHEN county // 100 IN (5205, 5223) THEN 20e0 ELSE 35e0 END) /* water_litres */ OR water_short_days >
    36e0 /* water_short_days */)) OR (water_litres < (CASE WHEN county // 100 IN (5205, 5223) THEN 20e0 ELSE 35e0 END) /* water_litres */ AND water_short_days
    > 36e0 /* water_short_days */) AS r_water_severe,
  water_quality_faults >= 1 OR water_litres < (CASE WHEN county // 100 IN (5205, 5223) THEN 20e0 ELSE 35e0 END) /* water_litres */ OR water_minutes > 20e0 /*
    water_minutes */ OR water_short_days > 36e0 /* water_short_days */ AS r_water_unsafe,
  water_outage_days > 15e0 /* water_outage_days */ AS r_water_outage,
  income_per_head < 8500e0 /* line */ * 0.7e0 /* income_severe */ AND NOT is_monitored AND assisted = 0 AS r_income_severe,
  income_per_head < 8500e0 /* line */ AND NOT is_monitored AND assisted = 0 AS r_income_below,
  assisted >= 1 AND tekun = 0 AND NOT is_monitored AND reference_income_per_head < 8500e0 /* line */ * 0.7e0 /* income_severe */ AS r_income_assisted,
  reference_income_per_head < 8500e0 /* line */ AND NOT is_monitored AND assisted = 0 AS r_income_reference,
  reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AND NOT is_monitored AND assisted = 0 AND (severe_disabled >= 1 OR serious_ill >= 1
    OR dependency_ratio >= 3e0 /* dependency_high */) AS r_income_near,
  rigid_burden >= (CASE county // 100 WHEN 5201 THEN 80e0 WHEN 5203 THEN 70e0 ELSE 60e0 END) /* rigid_ratio */ AND income_per_head < 16900e0 /*
    rural_income_last_year */ AND (income_net - medical_self_paid_12m - school_cost_net_12m) / members_or_null < 8500e0 /* line */ AS r_rigid_spending,
  power_drop >= 30e0 /* power_drop_warn */ AND kwh_3m_last_year >= 90e0 /* power_base */ AND ((power_arrears >= 100e0 /* power_arrears_warn */ AND
    reference_income_per_head < 8500e0 /* line */ * 2e0 /* income_ample */) OR (working_outside = 0 AND reference_income_per_head < 8500e0 /* line */ * 1.1e0
    /* income_near */)) AS r_power_drop,
  petitions_90d >= 1 AND reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS r_petition_hardship,
  petitions_basic_90d >= 1 AS r_petition_basic,
  (aid_refused_6m >= 1 OR aid_ended_6m >= 1) AND assisted = 0 AND reference_income_per_head < 8500e0 /* line */ AS r_assistance_refused,
  temporary_aid_times >= 2e0 /* aid_times_watch */ AND assisted = 0 AND reference_income_per_head < 8500e0 /* line */ * 1.1e0 /* income_near */ AS
    r_aid_repeated,
  is_cleared AND reference_income_per_head < 8500e0 /* line */ AND assisted = 0 AS r_relapse_income,
  is_cleared AND housing_danger >= 3 AS r_relapse_housing,
  is_cleared AND (dropped_out >= 1 OR dropout_suspected >= 1) AS r_relapse_schooling,
  is_cleared AND (water_quality_faults >= 1 OR water_litres < (CASE WHEN county // 100 IN (5205, 5223) THEN 20e0 ELSE 35e0 END) /* water_litres */ OR
    water_minutes > 20e0 /* water_minutes */ OR water_short_days > 36e0 /* water_short_days */) AS r_relapse_water,
  is_cleared AND uninsured >= 1 AS r_relapse_insurance,
  is_cleared AND medical_self_paid_12m > 0.5e0 /* medical_warn_monitored */ * 16900e0 /* rural_income_last_year */ AND medical_burden >= 30e0 /*
    medical_burden_watch */ AND reference_income_per_head < 8500e0 /* line */ * 1.5e0 /* income_cope */ AS r_relapse_medical,
  is_cleared AND jobless >= 1 AND jobless_months >= 3e0 /* jobless_months */ AND (working = 0 OR reference_income_per_head < 8500e0 /* line */ * 1.5e0 /*
    income_cope */) AS r_relapse_work,
  is_monitored AND income_per_head > 20000e0 /* income_doubt */ AND reference_income_per_head >= 8500e0 /* line */ AS r_doubt_income,
  cars >= 1 AND (is_monitored OR dibao >= 1) AS r_doubt_car,
  flats >= 1 AND (is_monitored OR dibao >= 1) AS r_doubt_flat,
  companies >= 1 AND (is_monitored OR dibao >= 1) AS r_doubt_company,
  public_servants >= 1 AND (is_monitored OR dibao >= 1) AS r_doubt_public_servant,
  is_monitored AND months_identified >= 1e0 /* measure_none_months */ AND measures = 0 AS r_doubt_no_measure,
  is_monitored AND able_labourers >= 1 AND months_identified >= 6e0 /* measure_development_months */ AND NOT has_development_measure AS r_doubt_no_development,
  is_cleared AND NOT cleared_naturally AND months_to_clear < 6e0 /* clear_months_min */ AS r_doubt_rushed_clearing,
  is_cleared AND labourers = 0 AND labour_unknown = 0 AND members > 0 AS r_doubt_cleared_without_labour
FROM figures
