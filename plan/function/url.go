package function

import (
	"bytes"
	"strconv"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// urls is encoding of URLs, and taking them apart as java.net.URL does.
var urls = []*plan.Function{
	define(plan.Function{
		Name: "URL_ENCODE", Category: "encoding", Signatures: []string{"URL_ENCODE(text) → STRING"},
		Doc:   "The text as a part of a form: letters, digits and .-*_ stay, a blank becomes +, other bytes %XX.",
		Flink: "URL_ENCODE($1)",
	}, form{params: []parameter{anyText}, result: maybe(value.StringType), eval: whole(appendURLEncoded)}),
	define(plan.Function{
		Name: "URL_DECODE", Category: "encoding", Signatures: []string{"URL_DECODE(text) → STRING"},
		Doc:   "The text of a part of a form; NULL when a % is not followed by two digits.",
		Flink: "URL_DECODE($1)",
	}, form{params: []parameter{anyText}, result: maybe(value.StringType), eval: appending(ofBytes, appendURLDecoded)}),
	define(plan.Function{
		Name: "PARSE_URL", Category: "encoding", Signatures: []string{"PARSE_URL(url, part[, key]) → STRING"},
		Doc:   "PROTOCOL, HOST, PATH, QUERY, REF, AUTHORITY, FILE or USERINFO of a URL, or the value of a key of its QUERY.",
		Flink: "PARSE_URL($*)",
	}, form{params: []parameter{anyText, anyText, anyText}, optional: 1, result: maybe(value.StringType), eval: kernel(growing(parseURL))}),
}

func appendURLEncoded(dst, text []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, b := range text {
		switch {
		case isWordASCII(rune(b)) || b == '.' || b == '-' || b == '*':
			dst = append(dst, b)
		case b == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', digits[b>>4], digits[b&15])
		}
	}
	return dst
}

func appendURLDecoded(dst, text []byte) ([]byte, bool) {
	start := len(dst)
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '+':
			dst = append(dst, ' ')
		case text[i] != '%':
			dst = append(dst, text[i])
		case i+2 >= len(text):
			return dst[:start], false
		default:
			code, err := strconv.ParseUint(string(text[i+1:i+3]), 16, 8)
			if err != nil {
				return dst[:start], false
			}
			dst = append(dst, byte(code))
			i += 2
		}
	}
	decoded := dst[start:]
	if isASCII(decoded) {
		return dst, true
	}
	return decodeUTF8(dst[:start], bytes.Clone(decoded)), true
}

func parseURL(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	u, ok := splitURL(string(args[0].Bytes(i)))
	if !ok {
		return dst, false, nil
	}
	part, ok := u.part(string(args[1].Bytes(i)))
	if len(args) == 3 && ok {
		if string(args[1].Bytes(i)) != "QUERY" {
			return dst, false, nil
		}
		part, ok = queryValue(part, string(args[2].Bytes(i)))
	}
	return append(dst, part...), ok, nil
}

// javaURL is the parts of a URL; those that may be missing have a flag.
type javaURL struct {
	protocol, authority, userInfo, host, path, query, ref string
	hasAuthority, hasUserInfo, hasQuery, hasRef           bool
}

// urlProtocols are those that Java has a handler for: others are no URLs.
var urlProtocols = map[string]bool{"http": true, "https": true, "ftp": true, "file": true, "jar": true, "mailto": true, "jmod": true, "jrt": true}

// splitURL takes a URL apart.
func splitURL(text string) (javaURL, bool) {
	text = strings.TrimFunc(text, func(r rune) bool { return r <= ' ' })
	text = strings.TrimPrefix(text, "url:")
	protocol, rest, found := strings.Cut(text, ":")
	u := javaURL{protocol: strings.ToLower(protocol)}
	if !found || !urlProtocols[u.protocol] {
		return u, false
	}
	rest, u.ref, u.hasRef = strings.Cut(rest, "#")
	rest, u.query, u.hasQuery = strings.Cut(rest, "?")
	u.path = rest
	if rest, ok := strings.CutPrefix(rest, "//"); ok {
		u.hasAuthority = true
		end := strings.IndexByte(rest, '/')
		if end < 0 {
			end = len(rest)
		}
		u.authority, u.path = rest[:end], rest[end:]
		if !u.splitAuthority() {
			return u, false
		}
	}
	u.path = withoutDots(u.path)
	return u, true
}

// splitAuthority finds user and host, and checks the port.
func (u *javaURL) splitAuthority() bool {
	host := u.authority
	if at := strings.IndexByte(host, '@'); at >= 0 {
		if at != strings.LastIndexByte(host, '@') {
			u.host = ""
			return true
		}
		u.userInfo, host, u.hasUserInfo = host[:at], host[at+1:], true
	}
	port := ""
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return false
		}
		u.host, port = host[:end+1], host[end+1:]
		if port != "" && port[0] != ':' {
			return false
		}
	} else {
		end := strings.IndexByte(host, ':')
		if end < 0 {
			end = len(host)
		}
		u.host, port = host[:end], host[end:]
	}
	if len(port) <= 1 {
		return true
	}
	n, err := strconv.Atoi(port[1:])
	return err == nil && n >= -1
}

// withoutDots resolves /./ and /../ in a path.
func withoutDots(path string) string {
	for {
		at := strings.Index(path, "/./")
		if at < 0 {
			break
		}
		path = path[:at] + path[at+2:]
	}
	for from := 0; ; {
		at := strings.Index(path[from:], "/../")
		if at < 0 {
			break
		}
		at += from
		parent := strings.LastIndexByte(path[:at], '/')
		if at > 0 && parent >= 0 && path[parent:at] != "/.." {
			path = path[:parent] + path[at+3:]
			from = 0
		} else {
			from = at + 3
		}
	}
	for strings.HasSuffix(path, "/..") {
		at := len(path) - len("/..")
		parent := strings.LastIndexByte(path[:at], '/')
		if parent < 0 {
			break
		}
		path = path[:parent+1]
	}
	if strings.HasPrefix(path, "./") && len(path) > 2 {
		path = path[2:]
	}
	if strings.HasSuffix(path, "/.") {
		path = path[:len(path)-1]
	}
	return path
}

// part gives a part by its name; ok is false when the URL has none.
func (u *javaURL) part(name string) (text string, ok bool) {
	switch name {
	case "PROTOCOL":
		return u.protocol, true
	case "HOST":
		return u.host, true
	case "PATH":
		return u.path, true
	case "QUERY":
		return u.query, u.hasQuery
	case "REF":
		return u.ref, u.hasRef
	case "AUTHORITY":
		return u.authority, u.hasAuthority
	case "USERINFO":
		return u.userInfo, u.hasUserInfo
	case "FILE":
		if u.hasQuery {
			return u.path + "?" + u.query, true
		}
		return u.path, true
	}
	return "", false
}

// queryValue is the first value of a key in a query.
func queryValue(query, key string) (string, bool) {
	for pair := range strings.SplitSeq(query, "&") {
		if text, ok := strings.CutPrefix(pair, key+"="); ok {
			return text, true
		}
	}
	return "", false
}
