package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func TestLogin(t *testing.T) {
	users, err := ReadUsers([]byte("# who may come\n\nanna:secret:with-colon\r\nben:another-one\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := newStand(t, func(c *Config) { c.Users = users })
	ways := map[string]func(user, password string) sasl.Mechanism{
		"PLAIN":         func(u, p string) sasl.Mechanism { return plain.Auth{User: u, Pass: p}.AsMechanism() },
		"SCRAM-SHA-256": func(u, p string) sasl.Mechanism { return scram.Auth{User: u, Pass: p}.AsSha256Mechanism() },
		"SCRAM-SHA-512": func(u, p string) sasl.Mechanism { return scram.Auth{User: u, Pass: p}.AsSha512Mechanism() },
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			produce(t, s.client(kgo.SASL(way("anna", "secret:with-colon"))), record("users", 0, "", `{"id":1}`))
			for _, wrong := range [][2]string{{"anna", "another-one"}, {"ben", "not-his-own"}, {"nobody", "secret:with-colon"}} {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				err := s.client(kgo.SASL(way(wrong[0], wrong[1]))).Ping(ctx)
				cancel()
				if err == nil || !strings.Contains(err.Error(), "SASL_AUTHENTICATION_FAILED") {
					t.Errorf("%q: %v", wrong, err)
				}
			}
		})
	}
	t.Run("without one", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.client(kgo.RequestRetries(0)).Ping(ctx); err == nil {
			t.Error("let in")
		}
	})
}

func TestUsersThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "there is no user",
		"anna":                               "line 1 is not NAME:PASSWORD",
		":password":                          "line 1 is not",
		"\nanna:short":                       "line 2: the password has 5 bytes",
		"anna:long-enough\nanna:long-enough": "line 2: user anna is there twice",
	} {
		if _, err := ReadUsers([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := newStand(t, func(c *Config) {
		c.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	})
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	produce(t, s.client(kgo.DialTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})), record("users", 0, "", `{"id":1}`))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.client(kgo.RequestRetries(0)).Ping(ctx); err == nil {
		t.Error("a connection without TLS is answered")
	}
}
