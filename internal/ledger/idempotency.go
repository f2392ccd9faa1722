package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/uptrace/bun"

	"shouwang/internal/errs"
)

// answered is a request that was carried out.
type answered struct {
	bun.BaseModel `bun:"table:idempotency"`

	Account  string `bun:",pk"`
	Key      string `bun:",pk"`
	Request  string // SHA-256 of the request, hex: the request itself may hold personal data
	Response string // JSON
	At       Time
}

// maxKey bounds an idempotency key, in bytes.
const maxKey = 200

// Once asks whether account has sent key before. If so, with the same request, response is filled with the first answer and done is true;
// the caller changes nothing and gives that answer. With another request it is errs.Conflict. An empty key is never done.
//
// request is what identifies the request: anything that encoding/json writes the same way each time.
func (tx *Tx) Once(ctx context.Context, account, key string, request, response any) (done bool, err error) {
	if key == "" {
		return false, nil
	}
	if len(key) > maxKey {
		return false, errs.Newf(errs.Invalid, "幂等键最长 %[1]d 个字节", "an idempotency key has at most %[1]d bytes", maxKey)
	}
	var a answered
	err = tx.NewSelect().Model(&a).Where("account = ?", account).Where("key = ?", key).Scan(ctx)
	if Missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	hash, err := requestHash(request)
	if err != nil {
		return false, err
	}
	if hash != a.Request {
		return false, errs.New(errs.Conflict,
			"同一个幂等键已用于另一个请求；新的请求请换一个键", "this idempotency key was used for another request; use a new key for a new request")
	}
	if response != nil {
		if err := json.Unmarshal([]byte(a.Response), response); err != nil {
			return false, errs.Wrap(errs.Internal, err, "无法读取已保存的答复", "cannot read the kept answer")
		}
	}
	return true, nil
}

// Remember keeps the answer to key in the same transaction as the change. Two that run side by side with one key: the
// later is tried again and then finds the first one's answer by [Tx.Once].
func (tx *Tx) Remember(ctx context.Context, account, key string, request, response any) error {
	if key == "" {
		return nil
	}
	hash, err := requestHash(request)
	if err != nil {
		return err
	}
	text, err := json.Marshal(response)
	if err != nil {
		return errs.Wrap(errs.Internal, err, "无法保存答复", "cannot keep the answer")
	}
	_, err = tx.NewInsert().Model(&answered{Account: account, Key: key, Request: hash, Response: string(text), At: tx.Now}).Exec(ctx)
	if Taken(err) {
		return errAgain
	}
	return err
}

// Forget drops answers older than before and says how many. A key that is forgotten would be carried out again.
func (tx *Tx) Forget(ctx context.Context, before Time) (int64, error) {
	done, err := tx.NewDelete().Model((*answered)(nil)).Where("at < ?", before).Exec(ctx)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

func requestHash(request any) (string, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return "", errs.Wrap(errs.Internal, err, "无法识别请求", "cannot identify the request")
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
