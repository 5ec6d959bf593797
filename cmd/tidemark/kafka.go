package main

import (
	"crypto/tls"
	"flag"
	"net"
	"sync"

	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/plan"
	"tidemark/serve/kafka"
)

// kafkaOptions are the flags of the Kafka door.
type kafkaOptions struct {
	address          string // "" for no door
	advertise        string
	certificate, key string // files
	users            string // file
}

func (o *kafkaOptions) define(f *flag.FlagSet) {
	f.StringVar(&o.address, "kafka-listen", "", "address for Kafka clients, such as 127.0.0.1:9092 (default: none)")
	f.StringVar(&o.advertise, "kafka-advertise", "", "HOST:PORT that Kafka clients are told (default: the one they have reached)")
	f.StringVar(&o.certificate, "kafka-tls-cert", "", "certificate file (PEM) for Kafka clients")
	f.StringVar(&o.key, "kafka-tls-key", "", "key file (PEM) of the certificate")
	f.StringVar(&o.users, "kafka-users", "", "file with a line NAME:PASSWORD for each Kafka user")
}

// kafkaDoor is the door of a server; without an address it is nothing.
type kafkaDoor struct {
	listener net.Listener
	config   kafka.Config
	door     *kafka.Door
	serving  sync.WaitGroup
}

// listen checks the options and reserves the address. Clients that connect wait
// until the door is open.
func (k *kafkaDoor) listen(o kafkaOptions) (err error) {
	if o.address == "" {
		if o != (kafkaOptions{}) {
			return usagef("there are options for Kafka clients, but no --kafka-listen")
		}
		return nil
	}
	host, _, err := net.SplitHostPort(o.address)
	if err != nil {
		return usagef("--kafka-listen is %q, not HOST:PORT", o.address)
	}
	if o.advertise != "" {
		if _, _, err := net.SplitHostPort(o.advertise); err != nil {
			return usagef("--kafka-advertise is %q, not HOST:PORT", o.advertise)
		}
	}
	k.config.Advertise = o.advertise
	if (o.certificate == "") != (o.key == "") {
		return usagef("--kafka-tls-cert and --kafka-tls-key need each other")
	}
	if o.certificate != "" {
		if k.config.TLS, err = readCertificate(o.certificate, o.key); err != nil {
			return err
		}
	}
	if o.users != "" {
		text, err := vfs.ReadFile(vfs.OS(), o.users)
		if err == nil {
			k.config.Users, err = kafka.ReadUsers(text)
		}
		if err != nil {
			return problem.New(problem.InvalidRequest, "the Kafka users in %s cannot be read: %v", o.users, err).WithHint("write a line NAME:PASSWORD for each user")
		}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && (k.config.TLS == nil || k.config.Users == nil) {
		return problem.New(problem.Unsupported, "listening on %s would let other machines in without a login, or with passwords that all can read", o.address).
			WithHint("add --kafka-users, --kafka-tls-cert and --kafka-tls-key, or use --kafka-listen 127.0.0.1:9092")
	}
	if k.listener, err = net.Listen("tcp", o.address); err != nil {
		return problem.New(problem.Conflict, "cannot listen on %s: %v", o.address, err).WithHint("choose another address with --kafka-listen")
	}
	return nil
}

func readCertificate(certificate, key string) (*tls.Config, error) {
	var texts [2][]byte
	for i, name := range [2]string{certificate, key} {
		var err error
		if texts[i], err = vfs.ReadFile(vfs.OS(), name); err != nil {
			return nil, problem.New(problem.InvalidRequest, "%s cannot be read: %v", name, err)
		}
	}
	pair, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		return nil, problem.New(problem.InvalidRequest, "%s and %s are no certificate with its key: %v", certificate, key, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// open lets clients in.
func (k *kafkaDoor) open(s *server) (err error) {
	if k.listener == nil {
		return nil
	}
	k.config.Intake, k.config.Log, k.config.Telemetry, k.config.Logger = s.jobs.Intake, s.log, s.registry, s.logger
	k.config.Tables = func() []string {
		var names []string
		for _, t := range s.catalog.Tables() {
			if t.Kind == plan.Native {
				names = append(names, t.Name)
			}
		}
		return names
	}
	k.door, err = kafka.New(k.config)
	if problem.Is(err, problem.Corrupt) {
		// What the door keeps is damaged; the tables are not.
		s.logger.Error("the Kafka door stays closed", "error", err)
		err = k.listener.Close()
		k.listener = nil
		return err
	}
	if err != nil {
		return err
	}
	k.serving.Go(func() {
		if err := k.door.Serve(k.listener); err != nil {
			s.logger.Error("stopped listening to Kafka clients", "error", err)
		}
	})
	return nil
}

// close ends the door.
func (k *kafkaDoor) close() {
	switch {
	case k.door != nil:
		k.door.Close()
		k.serving.Wait()
	case k.listener != nil:
		_ = k.listener.Close()
	}
}
