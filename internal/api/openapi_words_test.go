package api

// byName describes fields whose types say nothing, because their name says it.
var byName = map[string]string{
	"household_no": "Household number", "household_id": "Id of the household, derived from its number", "division": "Division code, 12 digits", "county": "County code, 6 digits",
	"place": "Names of the divisions", "members": "How many members", "risk": "Risk, id in the pack", "level": "red, yellow or blue", "change": "Against the run before",
	"run": "Number of the run", "as_of": "Screening day", "rules": "Rules, ids in the pack", "evidence": "Values behind the outcome", "rule": "Rule, id in the pack", "values": "Values", "value": "Value",
	"unit": "Unit", "known": "Whether the value is known", "name": "Name", "households": "How many households", "persons": "How many persons", "class": "Class of the rule", "document": "Document number, or default",
	"wording": "What the warning says", "reasons": "The comparisons that force the outcome", "holds": "Whether it holds", "right": "Right side", "left": "Left side", "text": "As people read it", "zh": "Chinese", "en": "English",
	"dataset": "Dataset, id in the pack", "department": "Department", "outcome": "hit, clear or unknown", "through": "Last day that the data cover", "rows": "Rows", "formula": "How it is computed", "parts": "What it is computed from",
	"id": "Id", "kind": "Kind", "type": "Type", "state": "State", "file": "File", "batch": "Number of the batch", "row": "Row of the file", "date": "Day", "months": "Months", "missing": "What is missing", "batches": "Batches",
	"county_name": "Name of the county", "by": "Level of the areas", "visits": "Visits that it would make", "seconds": "Seconds that it took", "total": "Total", "pack": "Version of the pack", "up_to_batch": "Last batch that was known",
	"rule_name": "Name of the rule", "reason": "Why", "version": "Version, for If-Match", "action": "Action", "created": "When it was made", "at": "When", "count": "How many", "indicators": "Indicators with values", "warnings": "Warnings", "feeds": "Departments' data",
	"history": "Past warnings", "guarantees": "The 3+1 guarantees",
	"active": "Whether it may be used", "org": "Id of the organisation", "roles": "Roles", "second_factor": "Since when it has a second factor; null: none", "phone": "Phone; kept sealed", "accounts": "Accounts, oldest first", "account": "Id of the account",
	"address": "Network address", "agent": "Browser or program", "ended": "When it ended; null: open", "stage": "What it still lacks: full (nothing), second, password or enrol", "actions": "What it may do", "created_by": "Id of the account that made it", "expires": "When it ends",
	"revoked": "When it was revoked; null: not", "why": "Why", "seq": "Number of the event", "events": "Events, newest first", "actor": "Id of the account that did it", "detail": "What was changed", "object": "Sort of thing", "object_id": "Id of the thing", "leaving": "Household numbers",
	"entering": "Household numbers", "after": "Warned households then", "before": "Warned households now", "enter": "Households that enter", "enter_persons": "Their members", "leave": "Households that leave", "leave_persons": "Their members", "pack_hash": "SHA-256 of the pack",
	"township_most": "Visits of the township with the most", "township_most_code": "Its code", "township_most_name": "Its name",
	"delivery": "Names the delivery", "severity": "error or notice", "code": "Code", "accepted": "Rows that were accepted", "by_tier": "Linked rows by tier", "latest": "Newest event day", "received_at": "When it was received", "rejected": "Rows that were rejected",
	"rows_per_second": "Speed", "scope_name": "Names of the division", "header": "Header of the column", "sum": "Sum over the accepted rows", "findings": "What was found",
	"case": "Id of the case; in what an action did, the case itself", "words": "What it says, in both languages", "cleared_on": "Day that it was cleared; empty: not", "closed_at": "When it was closed; null: open", "explanation_en": "Why, in English", "explanation_zh": "Why, in Chinese",
	"green": "Green channel: help first, papers after", "household": "Id of the household, as text", "opened_at": "When it was opened", "phase": "lead, identify, support, clear, watch or closed", "round": "Round of papers", "state_at": "Since when it is in its state", "steps": "Steps that were taken",
	"found_on": "Day of the visit", "indicator": "Indicator, id in the pack", "visit": "Id of the visit", "cases": "Cases", "applications": "Self-applications of the case", "corrections": "What visits found otherwise than the data said", "links": "Cases that belong to it", "notices": "Public notices",
	"signals": "Reasons to look", "tags": "Low-income classes", "other": "Id of the other case", "posted_on": "First day", "false_alarm": "False alarms", "right_share": "Share that was right, known ones included", "true": "True ones", "remark": "Remark", "sub": "Sub-code",
	"amount": "How bad it is, in the rule's own measure", "channel": "How it came in", "happened_on": "Day that it happened", "key": "Names the signal", "labelled_at": "When it was verified", "words_en": "What was found, in English", "words_zh": "What was found, in Chinese",
	"does": "What it recorded", "to": "State after; of a tag, the last day", "from": "State before; of a tag, the first day", "lat": "Latitude", "lon": "Longitude", "visited_on": "Day", "visitors": "How many visited",
}
