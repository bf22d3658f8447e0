package heartbeat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/heartbeat"
)

// service is a monitoring service, without a network: it notes when it is asked, and answers
// as it is told.
type service struct {
	mu     sync.Mutex
	began  time.Time
	asked  []string // seconds since the start, and the URL
	answer func() (status int, err error)
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, fmt.Sprintf("%ds %s %s", int(time.Since(s.began).Seconds()), r.Method, r.URL))
	answer := s.answer
	s.mu.Unlock()
	status, err := answer()
	if status == 0 && err == nil { // never
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("OK")), Header: http.Header{}, Request: r}, nil
}

func (s *service) answers(status int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = func() (int, error) { return status, err }
}

// seen are the requests since it was last called.
func (s *service) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.asked
	s.asked = nil
	return seen
}

// monitor is what a heartbeat is of.
type monitor struct {
	mu       sync.Mutex
	url, why string
}

func (m *monitor) set(url, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.url, m.why = url, why
}

func (m *monitor) options(client *http.Client) heartbeat.Options {
	return heartbeat.Options{
		URL: func() string {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.url
		},
		Healthy: func() (bool, string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.why == "", m.why
		},
		Client: client,
	}
}

const secretURL = "https://me:letmein@hc.example:8443/ping/5ecre7?key=t0ken#fr4g"

// faked runs f with a heartbeat whose service and clock are not real.
func faked(t *testing.T, m *monitor, f func(h *heartbeat.Heartbeat, s *service)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &service{began: time.Now()}
		s.answers(http.StatusOK, nil)
		h := heartbeat.New(m.options(&http.Client{Transport: s}))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			h.Run(ctx)
		}()
		f(h, s)
		cancel()
		<-ended
	})
}

func TestBeatsEveryMinute(t *testing.T) {
	m := &monitor{url: "http://hc.example/ping/1"}
	faked(t, m, func(h *heartbeat.Heartbeat, s *service) {
		began := time.Now()
		time.Sleep(3*time.Minute - time.Second)
		synctest.Wait()
		want := []string{"0s GET http://hc.example/ping/1", "60s GET http://hc.example/ping/1", "120s GET http://hc.example/ping/1"}
		if diff := cmp.Diff(want, s.seen()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		status := heartbeat.Status{State: heartbeat.Beating, Host: "hc.example", LastSuccess: began.Add(2 * time.Minute)}
		if diff := cmp.Diff(status, h.Status()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// While the nodes are not watched nothing is sent at all, and soon after they are, it is.
func TestNothingIsSentWhileNothingIsWatched(t *testing.T) {
	m := &monitor{url: "http://hc.example/ping/1", why: "no node answers"}
	faked(t, m, func(h *heartbeat.Heartbeat, s *service) {
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		if seen := s.seen(); len(seen) > 0 {
			t.Errorf("it sent %v", seen)
		}
		if diff := cmp.Diff(heartbeat.Status{State: heartbeat.Held, Host: "hc.example", Why: "no node answers"}, h.Status()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		m.set("http://hc.example/ping/1", "")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if seen := s.seen(); len(seen) != 1 {
			t.Errorf("10 s after the nodes are watched it sent %v", seen)
		}
		if status := h.Status(); status.State != heartbeat.Beating || status.Why != "" {
			t.Errorf("the status is %+v", status)
		}
	})
}

func TestTriesOnceMore(t *testing.T) {
	m := &monitor{url: "http://hc.example/ping/1"}
	faked(t, m, func(h *heartbeat.Heartbeat, s *service) {
		s.answers(0, nil) // no answer: each try takes its 10 s
		time.Sleep(89 * time.Second)
		synctest.Wait()
		want := []string{"0s GET http://hc.example/ping/1", "20s GET http://hc.example/ping/1"}
		if diff := cmp.Diff(want, s.seen()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		status := h.Status()
		if status.State != heartbeat.Failing || status.LastError != "no answer within 10s" || status.LastErrorAt.IsZero() || !status.LastSuccess.IsZero() {
			t.Errorf("the status is %+v", status)
		}
		s.answers(http.StatusInternalServerError, nil)
		time.Sleep(2 * time.Second) // 91 s: a minute after the last try ended
		s.answers(http.StatusNoContent, nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if seen := s.seen(); len(seen) != 2 {
			t.Errorf("after an error it sent %v", seen)
		}
		status = h.Status()
		if status.State != heartbeat.Beating || status.LastError != "it answers 500 Internal Server Error" || status.LastSuccess.IsZero() {
			t.Errorf("the status is %+v", status)
		}
	})
}

// A URL that is set, changed or removed counts at once, and what was of the old one does not.
func TestFollowsTheSettings(t *testing.T) {
	m := &monitor{}
	faked(t, m, func(h *heartbeat.Heartbeat, s *service) {
		time.Sleep(time.Minute)
		synctest.Wait()
		if status := h.Status(); len(s.seen()) > 0 || status != (heartbeat.Status{State: heartbeat.Off}) {
			t.Errorf("without a URL the status is %+v", status)
		}
		s.answers(http.StatusNotFound, nil)
		m.set("http://one.example/1", "")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if status := h.Status(); status.Host != "one.example" || !strings.Contains(status.LastError, "still has this check") {
			t.Errorf("the status is %+v", status)
		}
		m.set("http://two.example/1", "no node answers")
		time.Sleep(time.Minute + 10*time.Second)
		synctest.Wait()
		want := heartbeat.Status{State: heartbeat.Held, Host: "two.example", Why: "no node answers"}
		if diff := cmp.Diff(want, h.Status()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		m.set("", "")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if status := h.Status(); status != (heartbeat.Status{State: heartbeat.Off}) {
			t.Errorf("the status is %+v", status)
		}
	})
}

// secrets are the parts of secretURL that nobody is told.
var secrets = []string{"letmein", "5ecre7", "t0ken", "fr4g", "ping", "/p"}

func TestTellsNothingOfTheURL(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		err    error
		want   string
	}{
		"an answer":   {http.StatusForbidden, nil, "it answers 403 Forbidden"},
		"gone":        {http.StatusGone, nil, "it answers 410 Gone: look whether the service still has this check"},
		"refused":     {0, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, "the connection is refused"},
		"no host":     {0, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "hc.example", IsNotFound: true}}, "its host has no address: look for a slip in the URL"},
		"its echo":    {0, fmt.Errorf("malformed answer %q", "no check at /ping/5ecre7?key=t0ken of me:letmein for "+secretURL), `the request failed: malformed answer "no check at … of … for …"`},
		"by segments": {0, errors.New("the key=t0ken of 5ecre7 is wrong, letmein"), "the request failed: the … of … is wrong, …"},
		"a long one":  {0, errors.New(strings.Repeat("x", 1000)), "the request failed: " + strings.Repeat("x", 200) + "…"},
	} {
		m := &monitor{url: secretURL}
		faked(t, m, func(h *heartbeat.Heartbeat, s *service) {
			s.answers(test.status, test.err)
			time.Sleep(time.Second)
			synctest.Wait()
			told := h.Status()
			if told.LastError != test.want || told.Host != "hc.example:8443" {
				t.Errorf("%s: the status is %+v, want %q", name, told, test.want)
			}
			text := fmt.Sprintf("%+v", told)
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s: %s tells %s", name, text, secret)
				}
			}
		})
	}
}

// untilTold runs a heartbeat against a real address until something came of it.
func untilTold(t *testing.T, url string, client *http.Client) heartbeat.Status {
	t.Helper()
	m := &monitor{url: url}
	h := heartbeat.New(m.options(client))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.Run(ctx)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for deadline := time.Now().Add(8 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if status := h.Status(); status.State == heartbeat.Beating || status.State == heartbeat.Failing {
			return status
		}
	}
	t.Fatal("nothing came of it")
	return heartbeat.Status{}
}

func TestRedirects(t *testing.T) {
	var mu sync.Mutex
	var elsewhere []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		elsewhere = append(elsewhere, r.URL.String())
	}))
	defer other.Close()
	hops := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hops++
		mu.Unlock()
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/away":
			http.Redirect(w, r, other.URL+"/5ecre7", http.StatusFound)
		}
	}))
	defer server.Close()
	for path, want := range map[string]string{
		"/moved": "",
		"/loop":  "it redirects more than 3 times",
		"/away":  "it redirects to another address, which is not followed: write that address instead",
	} {
		if status := untilTold(t, server.URL+path, nil); status.LastError != want || (want == "") != (status.State == heartbeat.Beating) {
			t.Errorf("%s: the status is %+v", path, status)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(elsewhere) > 0 || hops != 2+4+1 {
		t.Errorf("it asked elsewhere for %v, and %d times here", elsewhere, hops)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	if status := untilTold(t, server.URL+"/5ecre7", nil); status.LastError != "its certificate is not accepted by this machine" {
		t.Errorf("the status is %+v", status)
	}
	if status := untilTold(t, server.URL+"/5ecre7", server.Client()); status.State != heartbeat.Beating {
		t.Errorf("the status is %+v", status)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	if status := untilTold(t, "https"+strings.TrimPrefix(plain.URL, "http")+"/5ecre7", nil); !strings.HasPrefix(status.LastError, "it does not speak TLS") && !strings.Contains(status.LastError, "HTTP response to HTTPS client") {
		t.Errorf("the status is %+v", status)
	}
}

// Whatever else a URL is, no part of its path or query that could be a token is told.
func FuzzConceal(f *testing.F) {
	f.Add("http://h/", "", "secret")
	f.Add("https://me:word@h:1/%2F/a", "?x=y", "secret/secret")
	f.Fuzz(func(t *testing.T, before, after, around string) {
		const secret = "5ecre7t0ken"
		target := before + "/" + secret + after
		parsed, err := url.Parse(target)
		if err != nil || !strings.Contains(parsed.Path+parsed.RawQuery, secret) || strings.Contains(around, secret) {
			t.Skip()
		}
		if told := heartbeat.Conceal(around+" "+target+" "+parsed.RequestURI()+" "+around, target); strings.Contains(told, secret) {
			t.Errorf("%q is told of %q", told, target)
		}
	})
}
