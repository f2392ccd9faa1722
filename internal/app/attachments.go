package app

import "shouwang/internal/attachment"

// Attachments are the files that forms name by their hash: photos, scans, signatures.
func (a *App) Attachments() *attachment.Store { return attachment.New(a.Config.Data, a.Keyring) }
