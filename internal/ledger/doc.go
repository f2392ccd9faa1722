// Package ledger is the store of what people do: opening SQLite or PostgreSQL, migrations, transactions, versions,
// idempotency, backup and restore.
//
// It owns SQL text that both engines read. It never knows a subject of the field.
package ledger
