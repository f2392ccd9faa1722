package casework

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/secret"
	"shouwang/internal/workflow"
)

// sealedKey marks a sealed text inside the JSON of a form: {"sealed": "base64"}.
const sealedKey = "sealed"

// rowKey binds ciphertext to the row it stands in.
func rowKey(id string) secret.Key128 {
	u, err := uuid.Parse(id)
	if err != nil {
		return secret.Key128{}
	}
	return secret.Key128{Hi: binary.BigEndian.Uint64(u[:8]), Lo: binary.BigEndian.Uint64(u[8:])}
}

func (s *Service) seal(column, id, plain string) string {
	if plain == "" {
		return ""
	}
	return base64.RawStdEncoding.EncodeToString(s.keyring.Seal(nil, column, rowKey(id), []byte(plain)))
}

func (s *Service) unseal(column, id, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	b, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return "", secret.ErrSealed
	}
	plain, err := s.keyring.Open(column, rowKey(id), b)
	return string(plain), err
}

// sealForm is the JSON of a form with its personal content as ciphertext. Equal texts of one step seal alike, so that the same name
// given twice is seen to be the same.
func (s *Service) sealForm(stepID string, fields []policy.Field, form workflow.Form) (Document, error) {
	if len(form) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(s.sealFields(stepID, fields, form))
	if err != nil {
		return "", errs.Wrap(errs.Internal, err, "表单无法保存", "the form cannot be kept")
	}
	return Document(text), nil
}

func (s *Service) sealFields(stepID string, fields []policy.Field, data map[string]any) map[string]any {
	out := make(map[string]any, len(data))
	for id, v := range data {
		out[id] = v
	}
	for i := range fields {
		f := &fields[i]
		v, ok := data[f.ID]
		if !ok {
			continue
		}
		switch x := v.(type) {
		case string:
			if f.Sealed {
				out[f.ID] = map[string]any{sealedKey: s.seal("step."+f.ID, stepID, x)}
			}
		case []any:
			list := make([]any, len(x))
			for j, e := range x {
				list[j] = e
				if row, isRow := e.(map[string]any); isRow && f.Type == policy.FieldRows {
					list[j] = s.sealFields(stepID, f.Fields, row)
				} else if text, isText := e.(string); isText && f.Sealed {
					list[j] = map[string]any{sealedKey: s.seal("step."+f.ID, stepID, text)}
				}
			}
			out[f.ID] = list
		}
	}
	return out
}

// masked is what stands for a sealed text that is not revealed.
const masked = "＊＊＊"

// openForm is the JSON of a step's form for a reader: sealed texts opened, or masked.
func (s *Service) openForm(st *Step, reveal bool) (Document, error) {
	if !strings.Contains(string(st.Data), `"`+sealedKey+`"`) {
		return st.Data, nil
	}
	var data any
	if err := json.Unmarshal([]byte(st.Data), &data); err != nil {
		return "", errs.Wrap(errs.Internal, err, "个案记录无法读取", "a step of the case cannot be read")
	}
	data, err := s.open(st.ID, "", data, reveal)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(data)
	return Document(text), err
}

func (s *Service) open(stepID, field string, v any, reveal bool) (any, error) {
	switch x := v.(type) {
	case map[string]any:
		if text, ok := x[sealedKey].(string); ok && len(x) == 1 {
			if !reveal {
				return masked, nil
			}
			return s.unseal("step."+field, stepID, text)
		}
		for k, e := range x {
			opened, err := s.open(stepID, k, e, reveal)
			if err != nil {
				return nil, err
			}
			x[k] = opened
		}
		return x, nil
	case []any:
		for i, e := range x {
			opened, err := s.open(stepID, field, e, reveal)
			if err != nil {
				return nil, err
			}
			x[i] = opened
		}
		return x, nil
	}
	return v, nil
}
