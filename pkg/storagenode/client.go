package storagenode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
)

// ResponseLimit is the largest answer that is read, in bytes.
const ResponseLimit = 8 << 20

const (
	statusPath        = "/api/sno/"
	satellitesPath    = "/api/sno/satellites"
	satellitePath     = "/api/sno/satellite/"
	payoutPath        = "/api/sno/estimated-payout"
	notificationsPath = "/api/notifications/list"

	maxRedirects         = 3
	dialTimeout          = 10 * time.Second
	notificationsPerPage = 50 // the node gives no more
	maxNotificationPages = 20
	maxSatellites        = 200
	maxIDLength          = 64
)

// Client asks one node's API. It is safe for concurrent use.
type Client struct {
	// InsideContainer makes failures say what a container means for localhost.
	// NewClient sets it from where this process runs.
	InsideContainer bool

	endpoint string
	host     string
	http     *http.Client
}

// HTTPClient gives an HTTP client for nodes: the SDK's, with tracing and the
// response limit, a time-out over the whole answer, and no way to another host.
// It can be shared by all nodes.
func HTTPClient(timeout time.Duration) (*http.Client, error) {
	client, err := httpclient.New(httpclient.Options{
		Timeouts: &httpclient.TimeoutOptions{
			Timeout:             timeout,
			DialTimeout:         min(timeout, dialTimeout),
			KeepAlive:           30 * time.Second,
			TLSHandshakeTimeout: min(timeout, dialTimeout),
			MaxIdleConns:        100,
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     30 * time.Second,
		},
		Middlewares: []httpclient.Middleware{
			httpclient.TracingMiddleware(nil),
			httpclient.ResponseLimitMiddleware(ResponseLimit),
		},
		ConfigureClient: func(_ httpclient.Options, client *http.Client) {
			client.CheckRedirect = checkRedirect
		},
	})
	if err != nil {
		return nil, fmt.Errorf("HTTP client for node APIs: %w", err)
	}
	return client, nil
}

// redirectError is a redirect that is not followed.
type redirectError struct{ reason string }

func (e *redirectError) Error() string { return e.reason }

func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		return &redirectError{reason: "it redirects to another address, which is not followed"}
	}
	if len(via) > maxRedirects {
		return &redirectError{reason: fmt.Sprintf("it redirects more than %d times", maxRedirects)}
	}
	return nil
}

// NewClient makes a client for the API at endpoint, http(s)://host[:port][/]. hc
// is one of HTTPClient's; with any other, redirects are held to the same rule.
func NewClient(endpoint string, hc *http.Client) (*Client, error) {
	parsed, err := url.Parse(strings.TrimSpace(endpoint))
	switch {
	case err != nil:
		return nil, errors.New("API address: not a URL; write it as http://host:14002")
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return nil, fmt.Errorf("API address %s: the scheme must be http or https; write it as http://host:14002", parsed.Redacted())
	case parsed.Hostname() == "":
		return nil, fmt.Errorf("API address %s: no host; write it as http://host:14002", parsed.Redacted())
	case parsed.User != nil:
		return nil, fmt.Errorf("API address %s: a user name or password in it would be shown in every message; the node's API needs none", parsed.Redacted())
	case parsed.RawQuery != "" || parsed.Fragment != "":
		return nil, fmt.Errorf("API address %s: nothing may follow the host and port", parsed.Redacted())
	case hc == nil:
		return nil, errors.New("API client: no HTTP client given")
	}
	if hc.CheckRedirect == nil {
		held := *hc
		held.CheckRedirect = checkRedirect
		hc = &held
	}
	return &Client{
		InsideContainer: InsideContainer(),
		endpoint:        strings.TrimRight(parsed.String(), "/"),
		host:            parsed.Hostname(),
		http:            hc,
	}, nil
}

// Endpoint is the address that the client asks, without a trailing slash.
func (c *Client) Endpoint() string { return c.endpoint }

// Status asks for the node itself. What answers JSON without a node id is no
// storage node.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var answer Status
	header, err := c.get(ctx, statusPath, nil, &answer)
	if err != nil {
		return Status{}, err
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		answer.ServerTime = date
	}
	if answer.NodeID == "" {
		return Status{}, &APIError{
			Endpoint: c.endpoint, Path: statusPath, Kind: BadJSON, Status: http.StatusOK,
			Reason: "it answers JSON without a nodeID: not the storage node API",
			Mend:   "this is perhaps the node's public port 28967; " + mendWrongAddress,
		}
	}
	if len(answer.Satellites) > maxSatellites {
		return Status{}, &APIError{
			Endpoint: c.endpoint, Path: statusPath, Kind: BadJSON, Status: http.StatusOK,
			Reason: fmt.Sprintf("it lists more than %d satellites", maxSatellites), Mend: mendWrongAddress,
		}
	}
	return answer, nil
}

// Satellites asks for the sums over all satellites and the scores by address.
func (c *Client) Satellites(ctx context.Context) (Satellites, error) {
	var answer Satellites
	_, err := c.get(ctx, satellitesPath, nil, &answer)
	return answer, err
}

// Satellite asks for one satellite. An id that cannot be one is not asked for, nor
// shown: it comes from an answer.
func (c *Client) Satellite(ctx context.Context, id string) (SatelliteDetail, error) {
	if !plausibleID(id) {
		return SatelliteDetail{}, &APIError{
			Endpoint: c.endpoint, Path: satellitePath, Kind: BadJSON,
			Reason: "the node names a satellite by something that is not a satellite id", Mend: mendWrongAddress,
		}
	}
	var answer SatelliteDetail
	_, err := c.get(ctx, satellitePath+id, nil, &answer)
	return answer, err
}

// plausibleID says whether a text can be the id of a node or satellite.
func plausibleID(id string) bool {
	if id == "" || len(id) > maxIDLength {
		return false
	}
	for _, c := range []byte(id) {
		if !isAlphanumeric(c) {
			return false
		}
	}
	return true
}

// EstimatedPayout asks for the estimate over all satellites.
func (c *Client) EstimatedPayout(ctx context.Context) (EstimatedPayout, error) {
	var answer EstimatedPayout
	_, err := c.get(ctx, payoutPath, nil, &answer)
	return answer, err
}

// Notifications asks for all notifications, at most 1000. What was read before a
// later page failed is returned with the error.
func (c *Client) Notifications(ctx context.Context) ([]Notification, error) {
	var all []Notification
	for page := 1; page <= maxNotificationPages; page++ {
		var answer notificationPage
		query := url.Values{"limit": {strconv.Itoa(notificationsPerPage)}, "page": {strconv.Itoa(page)}}
		if _, err := c.get(ctx, notificationsPath, query, &answer); err != nil {
			return all, err
		}
		all = append(all, answer.Page.Notifications...)
		if Whole(page) >= answer.Page.PageCount || len(answer.Page.Notifications) == 0 {
			break
		}
	}
	return all, nil
}

// errTooLarge stands for an answer over the limit.
var errTooLarge = errors.New("the answer is too large")

// get asks one path, decodes its JSON answer and gives its headers. Every error is
// an *APIError.
func (c *Client) get(ctx context.Context, path string, query url.Values, answer any) (http.Header, error) {
	// Grafana's own limit, where it is set, would win over ours.
	ctx = httpclient.WithResponseLimit(ctx, ResponseLimit)
	target := c.endpoint + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, &APIError{Endpoint: c.endpoint, Path: path, Kind: Other, Reason: "the address cannot be asked", Mend: mendWrongAddress}
	}
	request.Header.Set("Accept", "application/json")

	asked := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.transportError(path, err, time.Since(asked))
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, c.statusError(path, response.StatusCode)
	}
	if mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		reason := "it answers something that is not JSON, not the storage node API"
		if mediaType == "text/html" {
			reason = "it answers a web page, not the storage node API"
		}
		return nil, &APIError{
			Endpoint: c.endpoint, Path: path, Kind: NotJSON, Status: response.StatusCode, Reason: reason,
			Mend: "check host and port of the API address: is it another program, a log-in page, or a node too old for this path?",
		}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, ResponseLimit+1))
	if err == nil && len(body) > ResponseLimit {
		err = errTooLarge
	}
	if err != nil {
		failed := c.transportError(path, err, time.Since(asked))
		failed.Status = response.StatusCode
		return nil, failed
	}
	if err := decodeAnswer(body, answer); err != nil {
		return nil, &APIError{
			Endpoint: c.endpoint, Path: path, Kind: BadJSON, Status: response.StatusCode,
			Reason: badJSONReason(err),
			Mend:   "if this is a storage node, its version is one that this plugin does not know: please report it",
		}
	}
	if dated, ok := answer.(interface{ answeredAt(time.Time) }); ok {
		if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			dated.answeredAt(date.UTC())
		}
	}
	return response.Header, nil
}

// badJSONReason says what is wrong without a byte of the answer: the texts of
// encoding/json and of time quote it.
func badJSONReason(err error) string {
	var mismatch *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &mismatch) && mismatch.Field != "" && len(mismatch.Field) < 80:
		return "its JSON does not fit: the field " + mismatch.Field + " is not of the expected type"
	case errors.As(err, &syntax):
		return fmt.Sprintf("its JSON is broken at byte %d", syntax.Offset)
	case errors.Is(err, errNotAnObject):
		return "its JSON is not an object"
	default:
		return "its JSON does not fit what a storage node says"
	}
}
