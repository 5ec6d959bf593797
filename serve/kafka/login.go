package kafka

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/xdg-go/scram"
)

// Limits of users and logins.
const (
	usersMax       = 10_000
	scramRounds    = 4096
	saltBytes      = 16
	loginSteps     = 4
	userNameMax    = 256
	passwordMax    = 1024
	usersBytesMax  = 4 << 20
	passwordLenMin = 8
)

// mechanisms are the ways to log in.
var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// Users are who may log in. Their passwords are not kept, only what proves them.
type Users struct {
	sha256, sha512 map[string]scram.StoredCredentials
	clients256     *scram.Server
	clients512     *scram.Server
}

// ReadUsers reads a text with a line NAME:PASSWORD for each user. Empty lines and
// those that begin with # do not count.
func ReadUsers(text []byte) (*Users, error) {
	if len(text) > usersBytesMax {
		return nil, fmt.Errorf("the users have %d bytes, more than %d", len(text), usersBytesMax)
	}
	u := &Users{sha256: map[string]scram.StoredCredentials{}, sha512: map[string]scram.StoredCredentials{}}
	for i, line := range bytes.Split(text, []byte("\n")) {
		entry := strings.TrimSuffix(string(line), "\r")
		if strings.TrimSpace(entry) == "" || entry[0] == '#' {
			continue
		}
		name, password, found := strings.Cut(entry, ":")
		switch {
		case !found || name == "" || len(name) > userNameMax:
			return nil, fmt.Errorf("line %d is not NAME:PASSWORD", i+1)
		case len(password) < passwordLenMin || len(password) > passwordMax:
			return nil, fmt.Errorf("line %d: the password has %d bytes, want %d to %d", i+1, len(password), passwordLenMin, passwordMax)
		case len(u.sha256) >= usersMax:
			return nil, fmt.Errorf("line %d: more than %d users", i+1, usersMax)
		}
		if _, twice := u.sha256[name]; twice {
			return nil, fmt.Errorf("line %d: user %s is there twice", i+1, name)
		}
		if err := u.add(name, password); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if len(u.sha256) == 0 {
		return nil, errors.New("there is no user")
	}
	var err error
	if u.clients256, err = scram.SHA256.NewServer(lookup(u.sha256)); err != nil {
		return nil, err
	}
	u.clients512, err = scram.SHA512.NewServer(lookup(u.sha512))
	return u, err
}

var errUnknownUser = errors.New("there is no such user")

func lookup(all map[string]scram.StoredCredentials) scram.CredentialLookup {
	return func(name string) (scram.StoredCredentials, error) {
		c, known := all[name]
		if !known {
			return c, errUnknownUser
		}
		return c, nil
	}
}

func (u *Users) add(name, password string) error {
	factors := scram.KeyFactors{Salt: rand.Text()[:saltBytes], Iters: scramRounds}
	for _, of := range []struct {
		generate scram.HashGeneratorFcn
		into     map[string]scram.StoredCredentials
	}{{scram.SHA256, u.sha256}, {scram.SHA512, u.sha512}} {
		client, err := of.generate.NewClient(name, password, "")
		if err != nil {
			return err
		}
		if of.into[name], err = client.GetStoredCredentialsWithError(factors); err != nil {
			return err
		}
	}
	return nil
}

// proves reports whether a password is the user's.
func (u *Users) proves(name, password string) bool {
	stored, known := u.sha256[name]
	if len(name) > userNameMax || len(password) > passwordMax {
		return false
	}
	if !known {
		stored.KeyFactors = scram.KeyFactors{Salt: strings.Repeat("x", saltBytes), Iters: scramRounds} // takes as long
	}
	client, err := scram.SHA256.NewClient(name, password, "")
	if err != nil {
		return false
	}
	given, err := client.GetStoredCredentialsWithError(stored.KeyFactors)
	return err == nil && known && subtle.ConstantTimeCompare(given.StoredKey, stored.StoredKey) == 1
}

// login is how far a connection has come in proving who it is.
type login struct {
	users     *Users
	mechanism string
	talk      *scram.ServerConversation // of SCRAM
	steps     int
}

// handshake chooses the way to log in.
func (c *connection) handshake(q *kmsg.SASLHandshakeRequest, response *kmsg.SASLHandshakeResponse) {
	response.SupportedMechanisms = mechanisms
	if c.login == nil || q.Version == 0 {
		// Nobody has to log in, or with tokens that are not wrapped in requests.
		response.ErrorCode = illegalLoginState
		return
	}
	c.login.talk, c.login.steps = nil, 0
	switch c.login.mechanism = q.Mechanism; q.Mechanism {
	case "PLAIN":
	case "SCRAM-SHA-256":
		c.login.talk = c.login.users.clients256.NewConversation()
	case "SCRAM-SHA-512":
		c.login.talk = c.login.users.clients512.NewConversation()
	default:
		c.login.mechanism, response.ErrorCode = "", unsupportedMechanism
	}
}

// authenticate takes a step of the login. After a wrong one the answer is sent,
// and the connection ends with what the client does next.
func (c *connection) authenticate(q *kmsg.SASLAuthenticateRequest, response *kmsg.SASLAuthenticateResponse) error {
	if c.login == nil || c.login.mechanism == "" {
		response.ErrorCode = illegalLoginState
		return nil
	}
	if c.login.steps++; c.login.steps > loginSteps {
		return errors.New("the login takes too many steps")
	}
	var done bool
	if c.login.talk == nil {
		parts := strings.SplitN(string(q.SASLAuthBytes), "\x00", 3)
		done = len(parts) == 3 && (parts[0] == "" || parts[0] == parts[1]) && c.login.users.proves(parts[1], parts[2])
		if !done {
			c.refuseLogin(response)
			return nil
		}
	} else {
		answer, err := c.login.talk.Step(string(q.SASLAuthBytes))
		if err != nil {
			c.refuseLogin(response)
			return nil
		}
		response.SASLAuthBytes, done = []byte(answer), c.login.talk.Done() && c.login.talk.Valid()
	}
	if done {
		c.login = nil
	}
	return nil
}

func (c *connection) refuseLogin(response *kmsg.SASLAuthenticateResponse) {
	text := "the user or the password is wrong"
	response.ErrorCode, response.ErrorMessage = loginFailed, &text
	c.login.mechanism = ""
	c.door.config.Logger.Warn("a Kafka login failed", "address", c.net.RemoteAddr().String())
}
