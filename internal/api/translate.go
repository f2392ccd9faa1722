package api

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2/validation"
)

// translate gives what a schema check says in both languages. Only known texts pass: others might repeat the wrong value.
func translate(message string) (zh, en string) {
	for _, m := range messages() {
		got := m.pattern.FindStringSubmatch(message)
		if got == nil {
			continue
		}
		args := make([]any, len(got)-1)
		for i, a := range got[1:] {
			args[i] = a
		}
		if len(args) == 0 {
			return m.zh, m.en
		}
		return fmt.Sprintf(m.zh, args...), fmt.Sprintf(m.en, args...)
	}
	return "不符合要求", "is not what is asked for"
}

type message struct {
	pattern *regexp.Regexp
	zh, en  string
}

// messages are the checks' texts. The parts that are kept come from the description, never from the input.
var messages = sync.OnceValue(func() []message {
	all := []struct{ text, zh, en string }{
		{validation.MsgUnexpectedProperty, "没有这个字段", "is no field of the document"},
		{validation.MsgExpectedRFC3339DateTime, "应为时间，如 2026-11-24T08:00:00Z", "must be a time such as 2026-11-24T08:00:00Z"},
		{validation.MsgExpectedRFC3339Date, "应为日期，如 2026-11-24", "must be a day such as 2026-11-24"},
		{validation.MsgExpectedBoolean, "应为 true 或 false", "must be true or false"},
		{validation.MsgExpectedNumber, "应为数", "must be a number"},
		{validation.MsgExpectedInteger, "应为整数", "must be a whole number"},
		{validation.MsgExpectedString, "应为文字", "must be text"},
		{validation.MsgExpectedBase64String, "应为 base64", "must be base64"},
		{validation.MsgExpectedArray, "应为列表", "must be a list"},
		{validation.MsgExpectedObject, "应为对象", "must be an object"},
		{validation.MsgExpectedArrayItemsUnique, "列表里有重复", "must not hold the same twice"},
		{validation.MsgExpectedOneOf, "应为其中之一：%s", "must be one of: %s"},
		{validation.MsgExpectedMinimumNumber, "至少为 %s", "must be at least %s"},
		{validation.MsgExpectedMaximumNumber, "至多为 %s", "must be at most %s"},
		{validation.MsgExpectedMinLength, "至少 %s 个字符", "must have at least %s characters"},
		{validation.MsgExpectedMaxLength, "至多 %s 个字符", "must have at most %s characters"},
		{validation.MsgExpectedMatchPattern, "应符合格式 %s", "must match %s"},
		{validation.MsgExpectedBePattern, "应符合格式：%s", "must be %s"},
		{validation.MsgExpectedMinItems, "至少 %s 项", "must have at least %s items"},
		{validation.MsgExpectedMaxItems, "至多 %s 项", "must have at most %s items"},
		{validation.MsgExpectedMinProperties, "至少 %s 个字段", "must have at least %s fields"},
		{validation.MsgExpectedMaxProperties, "至多 %s 个字段", "must have at most %s fields"},
		{validation.MsgExpectedRequiredProperty, "缺少字段 %s", "lacks the field %s"},
		{"invalid integer", "应为整数", "must be a whole number"},
		{"invalid float", "应为数", "must be a number"},
		{"invalid floating value", "应为数", "must be a number"},
		{"invalid boolean", "应为 true 或 false", "must be true or false"},
		{"unknown query parameter", "没有这个查询参数", "is no parameter of this address"},
		{"request body is required", "缺少请求内容", "the request has no content"},
		{"unexpected end of JSON input", "JSON 不完整", "the JSON ends too early"},
		{errNotText.Error(), "有不是 UTF-8 的文字或控制字符", "holds text that is not UTF-8, or control characters"},
		{errBehind.Error(), "JSON 文档后面还有内容", "there is something behind the JSON document"},
		{"unexpected EOF", "JSON 不完整", "the JSON ends too early"},
	}
	out := make([]message, 0, len(all)+2)
	for _, m := range all {
		text := regexp.QuoteMeta(m.text)
		for _, verb := range []string{"%v", "%d", "%s"} {
			text = strings.ReplaceAll(text, verb, "(.+)")
		}
		out = append(out, message{regexp.MustCompile("^" + text + "$"), m.zh, m.en})
	}
	return append(out,
		message{regexp.MustCompile(`(?s)^(invalid character|json: |unexpected end|exceeded max depth).*$`), "不是正确的 JSON", "is not right JSON"},
		message{regexp.MustCompile(`^required (path|query|header|cookie|form) parameter is missing$`), "缺少参数（%s）", "the parameter is missing (%s)"},
		message{regexp.MustCompile(`^invalid date/time for format .*$`), "应为日期或时间", "must be a day or time"})
})
