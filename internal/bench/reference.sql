-- The screening of policy pack guizhou, written by hand in DuckDB SQL: one row a household of the range with every indicator (i_ID) and
-- every rule's outcome (r_ID); NULL = unknown. It was written from the pack's YAML and design section 9.5 alone and shares nothing with the generator of
-- package screening; the conditions at the end are the rules' own texts with SQL operators. {{as_of}} is the screening day (a DATE literal),
-- {{lo}} and {{hi}} are the household ids of the range.
--
-- How it is built: came and cov say which feeds cover a county; one aggregation a fact table, over the range and the longest window only; sp stacks the feeds
-- in which many households have no row, because a chain of LEFT JOINs with misses is slow (each splits the vectors into hits and misses); base joins to the
-- households and turns "covered and no row" into 0 and "not covered" into NULL; net, derived and figures are the derived indicators; the last SELECT decides
-- the rules. Parameters are the values in force in November 2026, each with its id beside it.
--
-- Dates. "age < n" is birth > D - n years and "age >= n" is birth <= D - n years; subtracting years from 29 February gives 28 February, which keeps both
-- true. Months (identified, started, ended ...) are stored as their first day, so that date_diff('month') counts whole months. CASTs keep the
-- constants of type DATE: DATE - INTERVAL is a TIMESTAMP in DuckDB, and comparing with one would convert every row.
-- Numbers. least and greatest of DuckDB skip NULLs; "CASE WHEN x < 0 THEN 0 ELSE x END" is max(x, 0) that stays NULL. Money is stored in fen.
WITH came AS ( -- a feed that is due monthly covers a window only when every month of it up to the newest has come: how many came, how many there are
  SELECT county, dataset, newest,
    got_m12 = greatest(date_diff('month', CAST(date_trunc('month', {{as_of}} - INTERVAL 12 MONTH + INTERVAL 1 DAY) AS DATE), newest) + 1, 0) AS whole_m12,
    got_m6 = greatest(date_diff('month', CAST(date_trunc('month', {{as_of}} - INTERVAL 6 MONTH + INTERVAL 1 DAY) AS DATE), newest) + 1, 0) AS whole_m6,
    got_m3 = greatest(date_diff('month', CAST(date_trunc('month', {{as_of}} - INTERVAL 3 MONTH + INTERVAL 1 DAY) AS DATE), newest) + 1, 0) AS whole_m3,
    got_ytd = greatest(date_diff('month', CAST(date_trunc('year', {{as_of}}) AS DATE), newest) + 1, 0) AS whole_ytd,
    got_d90 = greatest(date_diff('month', CAST(date_trunc('month', {{as_of}} - 89) AS DATE), newest) + 1, 0) AS whole_d90,
    got_power = greatest(date_diff('month', CAST(date_trunc('month', {{as_of}} - INTERVAL 3 MONTH) + INTERVAL 1 MONTH AS DATE), newest) + 1, 0) AS whole_power
  FROM (
    SELECT county, dataset, max(month) AS newest,
      count(DISTINCT month) FILTER (WHERE month >= CAST(date_trunc('month', {{as_of}} - INTERVAL 12 MONTH + INTERVAL 1 DAY) AS DATE)) AS got_m12,
      count(DISTINCT month) FILTER (WHERE month >= CAST(date_trunc('month', {{as_of}} - INTERVAL 6 MONTH + INTERVAL 1 DAY) AS DATE)) AS got_m6,
      count(DISTINCT month) FILTER (WHERE month >= CAST(date_trunc('month', {{as_of}} - INTERVAL 3 MONTH + INTERVAL 1 DAY) AS DATE)) AS got_m3,
      count(DISTINCT month) FILTER (WHERE month >= CAST(date_trunc('year', {{as_of}}) AS DATE)) AS got_ytd,
      count(DISTINCT month) FILTER (WHERE month >= CAST(date_trunc('month', {{as_of}} - 89) AS DATE)) AS got_d90,
      count(DISTINCT month) FILTER (WHERE month >= CAST(date_trunc('month', {{as_of}} - INTERVAL 3 MONTH) + INTERVAL 1 MONTH AS DATE)) AS got_power
    FROM coverage WHERE month <= {{as_of}} GROUP BY county, dataset
  )
),
cov AS ( -- 0 where the feed covers the county, else NULL, so that x + c.feed is x or unknown without a CASE
  SELECT county,
    max(CASE WHEN dataset = 'roster' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS roster,
    max(CASE WHEN dataset = 'hukou_change' AND last_day(newest) >= {{as_of}} - 62 AND whole_m12 THEN 0e0 END) AS hukou_change,
    max(CASE WHEN dataset = 'health_settlement' AND last_day(newest) >= {{as_of}} - 62 AND whole_m12 THEN 0e0 END) AS health_settlement,
    max(CASE WHEN dataset = 'health_settlement' AND last_day(newest) >= {{as_of}} - 62 AND whole_m3 THEN 0e0 END) AS health_m3,
    max(CASE WHEN dataset = 'health_settlement' AND last_day(newest) >= {{as_of}} - 62 AND whole_ytd THEN 0e0 END) AS health_ytd,
    max(CASE WHEN dataset = 'insurance_enrolment' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS insurance_enrolment,
    max(CASE WHEN dataset = 'illness' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS illness,
    max(CASE WHEN dataset = 'school_roll' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS school_roll,
    max(CASE WHEN dataset = 'school_cost' AND last_day(newest) >= {{as_of}} - 400 THEN 0e0 END) AS school_cost,
    max(CASE WHEN dataset = 'social_assistance' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS social_assistance,
    max(CASE WHEN dataset = 'temporary_aid' AND last_day(newest) >= {{as_of}} - 62 AND whole_m12 THEN 0e0 END) AS temporary_aid,
    max(CASE WHEN dataset = 'assistance_application' AND last_day(newest) >= {{as_of}} - 62 AND whole_m6 THEN 0e0 END) AS assistance_application,
    max(CASE WHEN dataset = 'cremation' AND last_day(newest) >= {{as_of}} - 62 AND whole_m12 THEN 0e0 END) AS cremation,
    max(CASE WHEN dataset = 'disability' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS disability,
    max(CASE WHEN dataset = 'migrant_work' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS migrant_work,
    max(CASE WHEN dataset = 'unemployment' AND last_day(newest) >= {{as_of}} - 62 AND whole_m12 THEN 0e0 END) AS unemployment,
    max(CASE WHEN dataset = 'housing' AND last_day(newest) >= {{as_of}} - 130 THEN 0e0 END) AS housing,
    max(CASE WHEN dataset = 'water' AND last_day(newest) >= {{as_of}} - 130 THEN 0e0 END) AS water,
    max(CASE WHEN dataset = 'disaster' AND last_day(newest) >= {{as_of}} - 62 AND whole_m12 THEN 0e0 END) AS disaster,
    max(CASE WHEN dataset = 'traffic_accident' AND last_day(newest) >= {{as_of}} - 62 AND whole_m12 THEN 0e0 END) AS traffic_accident,
    max(CASE WHEN dataset = 'industry_project' AND last_day(newest) >= {{as_of}} - 62 AND whole_m12 THEN 0e0 END) AS industry_project,
    max(CASE WHEN dataset = 'small_loan' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS small_loan,
    max(CASE WHEN dataset = 'public_post' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS public_post,
    max(CASE WHEN dataset = 'electricity' AND last_day(newest) >= {{as_of}} - 62 AND whole_power THEN 0e0 END) AS electricity,
    max(CASE WHEN dataset = 'income' AND last_day(newest) >= {{as_of}} - 130 THEN 0e0 END) AS income,
    max(CASE WHEN dataset = 'assets' AND last_day(newest) >= {{as_of}} - 130 THEN 0e0 END) AS assets,
    max(CASE WHEN dataset = 'petition' AND last_day(newest) >= {{as_of}} - 62 AND whole_d90 THEN 0e0 END) AS petition,
    max(CASE WHEN dataset = 'monitored' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS monitored,
    max(CASE WHEN dataset = 'casework' AND last_day(newest) >= {{as_of}} - 62 THEN 0e0 END) AS casework
  FROM came GROUP BY county
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
  SELECT household_id, count(*) AS disaster_rows, sum(loss) / 1e2 AS disaster_loss_12m, count(*) FILTER (WHERE house IN ('serious', 'collapsed')) AS disaster_houses_12m,
    CAST(sum(CAST(crop_area AS DECIMAL(18, 4))) AS DOUBLE) AS disaster_crop_area_12m, sum(casualties) AS disaster_casualties_12m
  FROM fact_disaster
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND happened > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND happened <= {{as_of}}
  GROUP BY household_id
),
ac AS (
  SELECT household_id, count(*) AS accident_rows, count(DISTINCT person_key) FILTER (WHERE injury IN ('serious', 'disabled')) AS accident_injured_12m,
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
  SELECT household_id, count(*) AS project_rows, count(*) FILTER (WHERE status = 'failed') AS projects_failed_12m, sum(loss) / 1e2 AS project_loss_12m
  FROM fact_industry_project
  WHERE household_id BETWEEN {{lo}} AND {{hi}} AND reported > CAST({{as_of}} - INTERVAL 12 MONTH AS DATE) AND reported <= {{as_of}} AND status <> 'normal'
  GROUP BY household_id
),
sl AS (
  SELECT household_id, count(*) AS loan_rows, sum(coalesce(balance, 0)) / 1e2 AS loan_balance, max(principal) / 1e2 AS loan_largest, sum(coalesce(overdue, 0)) / 1e2 AS overdue_amount,
    max(coalesce(overdue_days, 0)) AS overdue_days
  FROM fact_small_loan WHERE household_id BETWEEN {{lo}} AND {{hi}} GROUP BY household_id
),
el AS (
  SELECT household_id, CAST(sum(CAST(kwh AS DECIMAL(18, 4))) FILTER (WHERE kwh_last_year IS NOT NULL) AS DOUBLE) AS kwh_3m,
    CAST(sum(CAST(kwh_last_year AS DECIMAL(18, 4))) AS DOUBLE) AS kwh_3m_last_year, max(coalesce(arrears, 0)) / 1e2 AS power_arrears
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
cw AS ( -- what staff found and did
  SELECT household_id,
    count(*) FILTER (WHERE kind = 'verified' AND outcome = 'false_alarm' AND happened > {{as_of}} - INTERVAL 6 MONTH) AS false_alarms_6m,
    count(*) FILTER (WHERE kind = 'verified' AND outcome = 'true' AND happened > {{as_of}} - INTERVAL 12 MONTH) AS verified_true_12m,
    count(*) FILTER (WHERE kind = 'visit' AND happened > {{as_of}} - INTERVAL 3 MONTH) AS case_visits_3m,
    CASE WHEN max(happened) FILTER (WHERE kind IN ('identified', 'rolled_back', 'remarked')) >=
      coalesce(max(happened) FILTER (WHERE kind IN ('cleared', 'closed', 'refused')), DATE '0001-01-01') THEN 1e0 ELSE 0e0 END AS case_monitored,
    max(happened) FILTER (WHERE kind IN ('identified', 'rolled_back', 'remarked')) AS case_marked,
    count(*) FILTER (WHERE kind = 'measure' AND happened > {{as_of}} - INTERVAL 12 MONTH) AS measures_delivered_12m,
    count(*) FILTER (WHERE kind = 'measure' AND development AND happened > {{as_of}} - INTERVAL 12 MONTH) AS development_delivered_12m,
    CASE WHEN count(*) FILTER (WHERE kind = 'measure' AND happened > {{as_of}} - INTERVAL 12 MONTH) = 0 THEN 0e0
      ELSE sum(amount) FILTER (WHERE kind = 'measure' AND happened > {{as_of}} - INTERVAL 12 MONTH) / 1e2 END AS measure_amount_12m,
    count(*) AS case_rows,
    max(struct_pack(d := happened, v := value)) FILTER (WHERE kind = 'correction' AND item = 'income_per_head' AND value IS NOT NULL
      AND happened > {{as_of}} - INTERVAL 12 MONTH).v AS verified_income_per_head
  FROM fact_casework WHERE household_id BETWEEN {{lo}} AND {{hi}} AND happened <= {{as_of}} GROUP BY household_id
),
sp AS ( -- feeds in which many households have no row: stacked, they take one join instead of one each
  SELECT household_id,
    max(medical_total_12m) AS medical_total_12m, max(medical_self_paid_12m) AS medical_self_paid_12m,
    max(compliant_self_paid_12m) AS compliant_self_paid_12m, max(medical_self_paid_ytd) AS medical_self_paid_ytd,
    max(medical_self_paid_3m) AS medical_self_paid_3m, max(person_self_paid_12m) AS person_self_paid_12m,
    max(admission_self_paid_12m) AS admission_self_paid_12m, max(admissions_12m) AS admissions_12m,
    max(outside_self_paid_12m) AS outside_self_paid_12m, max(chronic_self_paid_3m) AS chronic_self_paid_3m, max(students_beyond) AS students_beyond,
    max(on_school_roll) AS on_school_roll, max(enrolled_compulsory) AS enrolled_compulsory, max(dropped_out) AS dropped_out,
    max(dropout_suspected) AS dropout_suspected, max(working) AS working, max(working_outside) AS working_outside, max(spells_now) AS spells_now,
    max(monthly_wage) AS monthly_wage, max(wage_highest) AS wage_highest, max(wage_lowest) AS wage_lowest, max(months_worked) AS months_worked,
    max(serious_ill) AS serious_ill, max(serious_new_12m) AS serious_new_12m, max(serious_untreated) AS serious_untreated,
    max(chronic_ill) AS chronic_ill, max(mental_ill) AS mental_ill, max(school_fees_12m) AS school_fees_12m, max(school_aid_12m) AS school_aid_12m,
    max(student_cost_12m) AS student_cost_12m, max(jobless) AS jobless, max(jobless_since) AS jobless_since, max(arrears_rows) AS arrears_rows,
    max(wage_arrears) AS wage_arrears, max(public_posts) AS public_posts, max(posts_one_person) AS posts_one_person, max(dibao) AS dibao,
    max(tekun) AS tekun, max(edge) AS edge, max(orphans) AS orphans, max(assistance_monthly) AS assistance_monthly,
    max(temporary_aid_12m) AS temporary_aid_12m, max(temporary_aid_times) AS temporary_aid_times, max(aid_refused_6m) AS aid_refused_6m,
    max(aid_ended_6m) AS aid_ended_6m, max(disabled) AS disabled, max(severe_disabled) AS severe_disabled, max(severe_new_12m) AS severe_new_12m,
    max(severe_without_subsidy) AS severe_without_subsidy, max(disaster_rows) AS disaster_rows, max(disaster_loss_12m) AS disaster_loss_12m,
    max(disaster_houses_12m) AS disaster_houses_12m, max(disaster_crop_area_12m) AS disaster_crop_area_12m,
    max(disaster_casualties_12m) AS disaster_casualties_12m, max(accident_rows) AS accident_rows, max(accident_injured_12m) AS accident_injured_12m,
    max(accident_deaths_12m) AS accident_deaths_12m, max(accident_loss_12m) AS accident_loss_12m, max(deaths_cremation_12m) AS deaths_cremation_12m,
    max(deaths_hukou_12m) AS deaths_hukou_12m, max(deaths_working_age_12m) AS deaths_working_age_12m, max(births_12m) AS births_12m,
    max(project_rows) AS project_rows, max(projects_failed_12m) AS projects_failed_12m, max(project_loss_12m) AS project_loss_12m,
    max(loan_rows) AS loan_rows, max(loan_balance) AS loan_balance, max(loan_largest) AS loan_largest, max(overdue_amount) AS overdue_amount,
    max(overdue_days) AS overdue_days, max(cars) AS cars, max(car_value) AS car_value, max(flats) AS flats, max(companies) AS companies,
    max(public_servants) AS public_servants, max(petitions_90d) AS petitions_90d, max(petitions_basic_90d) AS petitions_basic_90d,
    max(is_monitored) AS is_monitored, max(is_cleared) AS is_cleared, max(cleared_naturally) AS cleared_naturally,
    max(has_development_measure) AS has_development_measure, max(measures) AS measures, max(identified) AS identified, max(cleared_on) AS cleared_on,
    max(months_to_clear) AS months_to_clear, max(recorded_illness) AS recorded_illness, max(recorded_disability) AS recorded_disability,
    max(recorded_labour) AS recorded_labour, max(false_alarms_6m) AS false_alarms_6m, max(verified_true_12m) AS verified_true_12m,
    max(case_visits_3m) AS case_visits_3m, max(case_monitored) AS case_monitored, max(case_marked) AS case_marked,
    max(measures_delivered_12m) AS measures_delivered_12m, max(development_delivered_12m) AS development_delivered_12m,
    max(measure_amount_12m) AS measure_amount_12m, max(case_rows) AS case_rows, max(verified_income_per_head) AS verified_income_per_head
  FROM (
    FROM hs UNION ALL BY NAME FROM sr UNION ALL BY NAME FROM mw UNION ALL BY NAME FROM il UNION ALL BY NAME FROM sc UNION ALL BY NAME FROM un UNION ALL BY NAME FROM pp
    UNION ALL BY NAME FROM sa UNION ALL BY NAME FROM ta UNION ALL BY NAME FROM aa UNION ALL BY NAME FROM dc UNION ALL BY NAME FROM di UNION ALL BY NAME FROM ac UNION ALL BY NAME FROM cr
    UNION ALL BY NAME FROM hc UNION ALL BY NAME FROM ip UNION ALL BY NAME FROM sl UNION ALL BY NAME FROM ass UNION ALL BY NAME FROM pt UNION ALL BY NAME FROM mo UNION ALL BY NAME FROM cw
  ) GROUP BY household_id
),
base AS ( -- coalesce(x, 0) + c.feed: no row counts as 0 if the feed covers the county and is unknown if not; x + c.feed: no row is unknown
  SELECT h.household_id, h.county,
    h.members + c.roster AS members,
    CASE WHEN c.roster IS NOT NULL THEN coalesce(h.type IN ('exited', 'exited_no_policy'), FALSE) END AS is_exited,
    CASE WHEN c.roster IS NOT NULL THEN coalesce(h.relocated, FALSE) END AS is_relocated,
    coalesce(pe.heads, 0) + c.roster AS heads,
    coalesce(pe.spouses, 0) + c.roster AS spouses,
    coalesce(pe.couple_men, 0) + c.roster AS couple_men,
    coalesce(pe.labourers, 0) + c.roster AS labourers,
    coalesce(pe.able_labourers, 0) + c.roster AS able_labourers,
    coalesce(pe.weak_labourers, 0) + c.roster AS weak_labourers,
    coalesce(pe.labour_unknown, 0) + c.roster AS labour_unknown,
    coalesce(pe.under_16, 0) + c.roster AS under_16,
    coalesce(pe.children_6_15, 0) + c.roster AS children_6_15,
    coalesce(pe.children_7_14, 0) + c.roster AS children_7_14,
    coalesce(pe.elderly, 0) + c.roster AS elderly,
    coalesce(pe.working_age, 0) + c.roster AS working_age,
    coalesce(pe.child_labourers, 0) + c.roster AS child_labourers,
    coalesce(pe.student_labourers, 0) + c.roster AS student_labourers,
    coalesce(pe.healthy_without_labour, 0) + c.roster AS healthy_without_labour,
    coalesce(pe.minor_heads, 0) + c.roster AS minor_heads,
    coalesce(pe.age_unknown, 0) + c.roster AS age_unknown,
    coalesce(pe.age_implausible, 0) + c.roster AS age_implausible,
    coalesce(pe.preschool_too_old, 0) + c.roster AS preschool_too_old,
    coalesce(pe.aged_without_education, 0) + c.roster AS aged_without_education,
    coalesce(pe.aged_labourers, 0) + c.roster AS aged_labourers,
    inc.wage_income + c.income AS wage_income,
    inc.business_income + c.income AS business_income,
    coalesce(inc.property_income, 0) + c.income AS property_income,
    coalesce(inc.transfer_income, 0) + c.income AS transfer_income,
    coalesce(inc.business_cost, 0) + c.income AS business_cost,
    coalesce(inc.claims, 0) + c.income AS claims,
    coalesce(sp.medical_total_12m, 0) + c.health_settlement AS medical_total_12m,
    coalesce(sp.medical_self_paid_12m, 0) + c.health_settlement AS medical_self_paid_12m,
    coalesce(sp.compliant_self_paid_12m, 0) + c.health_settlement AS compliant_self_paid_12m,
    coalesce(sp.medical_self_paid_ytd, 0) + c.health_ytd AS medical_self_paid_ytd,
    coalesce(sp.medical_self_paid_3m, 0) + c.health_m3 AS medical_self_paid_3m,
    coalesce(sp.person_self_paid_12m, 0) + c.health_settlement AS person_self_paid_12m,
    coalesce(sp.admission_self_paid_12m, 0) + c.health_settlement AS admission_self_paid_12m,
    coalesce(sp.admissions_12m, 0) + c.health_settlement AS admissions_12m,
    coalesce(sp.outside_self_paid_12m, 0) + c.health_settlement AS outside_self_paid_12m,
    coalesce(sp.chronic_self_paid_3m, 0) + c.health_m3 AS chronic_self_paid_3m,
    coalesce(sp.serious_ill, 0) + c.illness AS serious_ill,
    coalesce(sp.serious_new_12m, 0) + c.illness AS serious_new_12m,
    coalesce(sp.serious_untreated, 0) + c.illness AS serious_untreated,
    coalesce(sp.chronic_ill, 0) + c.illness AS chronic_ill,
    coalesce(sp.mental_ill, 0) + c.illness AS mental_ill,
    coalesce(en.insured, 0) + c.insurance_enrolment AS insured,
    coalesce(en.uninsured, 0) + c.insurance_enrolment AS uninsured,
    coalesce(en.insured_twice, 0) + c.insurance_enrolment AS insured_twice,
    coalesce(en.without_serious_cover, 0) + c.insurance_enrolment AS without_serious_cover,
    coalesce(sp.school_fees_12m, 0) + c.school_cost AS school_fees_12m,
    coalesce(sp.school_aid_12m, 0) + c.school_cost AS school_aid_12m,
    coalesce(sp.student_cost_12m, 0) + c.school_cost AS student_cost_12m,
    coalesce(sp.students_beyond, 0) + c.school_roll AS students_beyond,
    coalesce(sp.on_school_roll, 0) + c.school_roll AS on_school_roll,
    coalesce(sp.enrolled_compulsory, 0) + c.school_roll AS enrolled_compulsory,
    coalesce(sp.dropped_out, 0) + c.school_roll AS dropped_out,
    coalesce(sp.dropout_suspected, 0) + c.school_roll AS dropout_suspected,
    coalesce(sp.working, 0) + c.migrant_work AS working,
    coalesce(sp.working_outside, 0) + c.migrant_work AS working_outside,
    CASE WHEN sp.spells_now > 0 THEN sp.monthly_wage ELSE 0 END + c.migrant_work AS monthly_wage,
    CASE WHEN sp.working IS NOT NULL THEN sp.wage_highest ELSE 0 END + c.migrant_work AS wage_highest,
    sp.wage_lowest + c.migrant_work AS wage_lowest,
    coalesce(sp.months_worked, 0) + c.migrant_work AS months_worked,
    coalesce(sp.jobless, 0) + c.unemployment AS jobless,
    coalesce(date_diff('month', sp.jobless_since, {{as_of}}) - CASE WHEN day(sp.jobless_since) > day({{as_of}}) THEN 1 ELSE 0 END, 0) + c.unemployment AS jobless_months,
    CASE WHEN sp.arrears_rows > 0 THEN sp.wage_arrears ELSE 0 END + c.unemployment AS wage_arrears,
    coalesce(sp.public_posts, 0) + c.public_post AS public_posts,
    coalesce(sp.posts_one_person, 0) + c.public_post AS posts_one_person,
    coalesce(sp.dibao, 0) + c.social_assistance AS dibao,
    coalesce(sp.tekun, 0) + c.social_assistance AS tekun,
    coalesce(sp.edge, 0) + c.social_assistance AS edge,
    coalesce(sp.orphans, 0) + c.social_assistance AS orphans,
    coalesce(sp.assistance_monthly, 0) + c.social_assistance AS assistance_monthly,
    coalesce(sp.temporary_aid_12m, 0) + c.temporary_aid AS temporary_aid_12m,
    coalesce(sp.temporary_aid_times, 0) + c.temporary_aid AS temporary_aid_times,
    coalesce(sp.aid_refused_6m, 0) + c.assistance_application AS aid_refused_6m,
    coalesce(sp.aid_ended_6m, 0) + c.assistance_application AS aid_ended_6m,
    coalesce(sp.disabled, 0) + c.disability AS disabled,
    coalesce(sp.severe_disabled, 0) + c.disability AS severe_disabled,
    coalesce(sp.severe_new_12m, 0) + c.disability AS severe_new_12m,
    coalesce(sp.severe_without_subsidy, 0) + c.disability AS severe_without_subsidy,
    ho.housing_danger + c.housing AS housing_danger,
    ho.house_area + c.housing AS house_area,
    wa.water_litres + c.water AS water_litres,
    wa.water_minutes + c.water AS water_minutes,
    wa.water_short_days + c.water AS water_short_days,
    wa.water_outage_days + c.water AS water_outage_days,
    wa.water_quality_faults + c.water AS water_quality_faults,
    CASE WHEN sp.disaster_rows > 0 THEN sp.disaster_loss_12m ELSE 0 END + c.disaster AS disaster_loss_12m,
    coalesce(sp.disaster_houses_12m, 0) + c.disaster AS disaster_houses_12m,
    CASE WHEN sp.disaster_rows > 0 THEN sp.disaster_crop_area_12m ELSE 0 END + c.disaster AS disaster_crop_area_12m,
    CASE WHEN sp.disaster_rows > 0 THEN sp.disaster_casualties_12m ELSE 0 END + c.disaster AS disaster_casualties_12m,
    coalesce(sp.accident_injured_12m, 0) + c.traffic_accident AS accident_injured_12m,
    coalesce(sp.accident_deaths_12m, 0) + c.traffic_accident AS accident_deaths_12m,
    CASE WHEN sp.accident_rows > 0 THEN sp.accident_loss_12m ELSE 0 END + c.traffic_accident AS accident_loss_12m,
    coalesce(sp.deaths_cremation_12m, 0) + c.cremation AS deaths_cremation_12m,
    coalesce(sp.deaths_hukou_12m, 0) + c.hukou_change AS deaths_hukou_12m,
    coalesce(sp.deaths_working_age_12m, 0) + c.hukou_change AS deaths_working_age_12m,
    coalesce(sp.births_12m, 0) + c.hukou_change AS births_12m,
    coalesce(sp.projects_failed_12m, 0) + c.industry_project AS projects_failed_12m,
    CASE WHEN sp.project_rows > 0 THEN sp.project_loss_12m ELSE 0 END + c.industry_project AS project_loss_12m,
    coalesce(sp.loan_balance, 0) + c.small_loan AS loan_balance,
    CASE WHEN sp.loan_rows > 0 THEN sp.loan_largest ELSE 0 END + c.small_loan AS loan_largest,
    coalesce(sp.overdue_amount, 0) + c.small_loan AS overdue_amount,
    coalesce(sp.overdue_days, 0) + c.small_loan AS overdue_days,
    el.kwh_3m + c.electricity AS kwh_3m,
    el.kwh_3m_last_year + c.electricity AS kwh_3m_last_year,
    coalesce(el.power_arrears, 0) + c.electricity AS power_arrears,
    coalesce(sp.cars, 0) + c.assets AS cars,
    CASE WHEN sp.cars > 0 THEN sp.car_value ELSE 0 END + c.assets AS car_value,
    coalesce(sp.flats, 0) + c.assets AS flats,
    coalesce(sp.companies, 0) + c.assets AS companies,
    coalesce(sp.public_servants, 0) + c.assets AS public_servants,
    coalesce(sp.petitions_90d, 0) + c.petition AS petitions_90d,
    coalesce(sp.petitions_basic_90d, 0) + c.petition AS petitions_basic_90d,
    CASE WHEN c.monitored IS NOT NULL THEN coalesce(sp.is_monitored, FALSE) END AS is_monitored,
    CASE WHEN c.monitored IS NOT NULL THEN coalesce(sp.is_cleared, FALSE) END AS is_cleared,
    CASE WHEN c.monitored IS NOT NULL THEN coalesce(sp.cleared_naturally, FALSE) END AS cleared_naturally,
    CASE WHEN c.monitored IS NOT NULL THEN coalesce(sp.has_development_measure, FALSE) END AS has_development_measure,
    sp.measures + c.monitored AS measures,
    date_sub('month', sp.identified, {{as_of}}) + c.monitored AS months_identified,
    date_sub('month', sp.cleared_on, {{as_of}}) + c.monitored AS months_cleared,
    coalesce(sp.false_alarms_6m, 0) + c.casework AS false_alarms_6m,
    coalesce(sp.verified_true_12m, 0) + c.casework AS verified_true_12m,
    coalesce(sp.case_visits_3m, 0) + c.casework AS case_visits_3m,
    coalesce(sp.case_monitored, 0) + c.casework AS case_monitored,
    date_diff('month', sp.case_marked, {{as_of}}) - CASE WHEN day(sp.case_marked) > day({{as_of}}) THEN 1 ELSE 0 END + c.casework AS case_months,
    coalesce(sp.measures_delivered_12m, 0) + c.casework AS measures_delivered_12m,
    coalesce(sp.development_delivered_12m, 0) + c.casework AS development_delivered_12m,
    CASE WHEN sp.case_rows > 0 THEN sp.measure_amount_12m ELSE 0 END + c.casework AS measure_amount_12m,
    sp.verified_income_per_head + c.casework AS verified_income_per_head,
    sp.months_to_clear + c.monitored AS months_to_clear,
    CASE WHEN c.monitored IS NOT NULL THEN coalesce(sp.recorded_illness, FALSE) END AS recorded_illness,
    CASE WHEN c.monitored IS NOT NULL THEN coalesce(sp.recorded_disability, FALSE) END AS recorded_disability,
    CASE WHEN c.monitored IS NOT NULL THEN coalesce(sp.recorded_labour, FALSE) END AS recorded_labour
  FROM household AS h
  LEFT JOIN cov AS c ON c.county = h.county
  LEFT JOIN pe ON pe.household_id = h.household_id
  LEFT JOIN inc ON inc.household_id = h.household_id
  LEFT JOIN en ON en.household_id = h.household_id
  LEFT JOIN ho ON ho.household_id = h.household_id
  LEFT JOIN wa ON wa.household_id = h.household_id
  LEFT JOIN el ON el.household_id = h.household_id
  LEFT JOIN sp ON sp.household_id = h.household_id
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
  recorded_disability AS i_recorded_disability, recorded_labour AS i_recorded_labour,
  false_alarms_6m AS i_false_alarms_6m, verified_true_12m AS i_verified_true_12m, case_visits_3m AS i_case_visits_3m,
  case_monitored AS i_case_monitored, case_months AS i_case_months, measures_delivered_12m AS i_measures_delivered_12m,
  development_delivered_12m AS i_development_delivered_12m, measure_amount_12m AS i_measure_amount_12m,
  verified_income_per_head AS i_verified_income_per_head, income_net AS i_income_net,
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
  is_cleared AND labourers = 0 AND labour_unknown = 0 AND members > 0 AS r_doubt_cleared_without_labour,
  verified_income_per_head IS NOT NULL AND abs(verified_income_per_head - income_per_head) > 30e0 /* income_verified_gap */ / 100 *
    CASE WHEN income_per_head IS NOT NULL THEN greatest(verified_income_per_head, income_per_head, 1) END AS r_doubt_income_verified,
  false_alarms_6m >= 2e0 /* false_alarms_many */ AS r_doubt_false_alarms,
  case_monitored = 1 AND case_months >= 1e0 /* measure_none_months */ AND measures_delivered_12m = 0 AS r_doubt_case_no_measure
FROM figures
