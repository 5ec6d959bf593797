package jdbc

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"tidemark/base/problem"
)

// server is the database that a URL names.
type server struct {
	dialect        dialect
	hosts          []string // host:port; several only for PostgreSQL
	database       string   // "" for the user's own
	user, password string
	properties     map[string]string // what follows the question mark
}

// String names the server in messages: without user and password.
func (s server) String() string {
	return s.dialect.name() + " at " + strings.Join(s.hosts, ",")
}

// parseURL reads a JDBC URL. Its problems do not show the URL, which may hold a
// password.
func parseURL(text string) (server, error) {
	s := server{properties: map[string]string{}}
	rest := ""
	for _, d := range dialects {
		for _, prefix := range d.prefixes() {
			if after, ok := strings.CutPrefix(text, prefix); ok {
				s.dialect, rest = d, after
			}
		}
	}
	if s.dialect == nil {
		return s, wrongURL("does not name a database that is known").WithHint("write jdbc:mysql://host:3306/database, jdbc:mariadb://… or jdbc:postgresql://…")
	}
	rest, properties, _ := strings.Cut(rest, "?")
	if err := s.addProperties(properties); err != nil {
		return s, err
	}
	authority, database, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		var userErr, passwordErr error
		s.user, userErr = url.PathUnescape(user)
		s.password, passwordErr = url.PathUnescape(password)
		if userErr != nil || passwordErr != nil {
			return s, wrongURL("has a user or password that cannot be read").WithHint("give them as 'username' and 'password'")
		}
		authority = authority[at+1:]
	}
	var err error
	if s.database, err = url.PathUnescape(database); err != nil {
		return s, wrongURL("has a database name that cannot be read")
	}
	for host := range strings.SplitSeq(authority, ",") {
		address, ok := addressOf(host, s.dialect.port())
		if !ok {
			return s, wrongURL("has a host that cannot be read").WithHint("write host:port")
		}
		s.hosts = append(s.hosts, address)
	}
	return s, s.dialect.check(s)
}

// addressOf is host:port, with the usual port where there is none.
func addressOf(text, port string) (string, bool) {
	host := text
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" {
		host = "localhost"
	}
	if strings.ContainsAny(host, "()=/ '\\") || strings.Trim(port, "0123456789") != "" || port == "" {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}

// addProperties reads what follows the question mark: properties that the
// dialect knows, and those that make no difference here.
func (s *server) addProperties(text string) error {
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		key, val, _ := strings.Cut(pair, "=")
		name, keyErr := url.QueryUnescape(key)
		text, valErr := url.QueryUnescape(val)
		if keyErr != nil || valErr != nil {
			return wrongURL("has a property that cannot be read")
		}
		used, ignored := s.dialect.properties()
		switch {
		case name == "user":
			s.user = text
		case name == "password":
			s.password = text
		case slices.Contains(used, name):
			s.properties[name] = text
		case slices.Contains(ignored, name):
		default:
			known := append(append([]string{"user", "password"}, used...), ignored...)
			p := problem.New(problem.UnknownOption, "the URL has a property %q, which is not known", name).About(optionURL)
			if near := problem.Nearest(name, known); near != "" {
				return p.WithHint("did you mean %q?", near)
			}
			return p.WithHint("there are %v", used)
		}
	}
	return nil
}

func wrongURL(what string) *problem.Problem {
	return problem.New(problem.InvalidOption, "option %q %s", optionURL, what).About(optionURL)
}
