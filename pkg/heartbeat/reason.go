package heartbeat

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// longestReason bounds what is told of an error, which may quote a service's answer.
const longestReason = 200

// shortestSecret keeps words of an error from being taken for a part of the URL.
const shortestSecret = 4

// reason is what went wrong, in words that have nothing of the URL but its host.
func reason(err error, target string) string {
	var (
		status      *statusError
		redirect    *redirectError
		name        *net.DNSError
		timed       interface{ Timeout() bool }
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		authority   x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &status):
		return status.Error()
	case errors.As(err, &redirect):
		return redirect.reason
	case errors.As(err, &name) && name.IsNotFound:
		return "its host has no address: look for a slip in the URL"
	case errors.As(err, &timed) && timed.Timeout():
		return "no answer within " + timeout.String()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection is refused"
	case errors.As(err, &certificate), errors.As(err, &authority):
		return "its certificate is not accepted by this machine"
	case errors.As(err, &record):
		return "it does not speak TLS: write http:// if that is meant"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner // the outer ones quote the URL
	}
	return "the request failed: " + conceal(err.Error(), target)
}

// conceal takes what is secret of a URL out of a text, and shortens it.
func conceal(text, target string) string {
	parsed, err := url.Parse(target)
	if err != nil {
		return "the URL cannot be read"
	}
	secrets := []string{target, parsed.RequestURI(), parsed.Path, parsed.RawQuery, parsed.Fragment}
	if user := parsed.User; user != nil {
		password, _ := user.Password()
		secrets = append(secrets, user.String(), password)
	}
	split := func(r rune) bool { return strings.ContainsRune("/&=?#", r) }
	secrets = append(secrets, strings.FieldsFunc(parsed.Path, split)...)
	secrets = append(secrets, strings.FieldsFunc(parsed.EscapedPath(), split)...)
	secrets = append(secrets, strings.FieldsFunc(parsed.RawQuery, split)...)
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // no part before the whole
	for _, secret := range secrets {
		if len(secret) >= shortestSecret {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	text = strings.ToValidUTF8(text, "?")
	if letters := []rune(text); len(letters) > longestReason {
		text = string(letters[:longestReason]) + "…"
	}
	return text
}
