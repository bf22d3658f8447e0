package simnode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// webPage is what a release build answers to every path it does not know.
const webPage = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Node Dashboard</title></head><body><div id="app"></div></body></html>
`

// Handler serves the node's console API as it is at the current model time. It
// may be used while the node advances. Where the process is down, it breaks the
// connection (with http.ErrAbortHandler); a [Runner] closes its port instead.
func (n *Node) Handler() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, answer func(*http.Request) (any, *apiError)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { n.serveJSON(w, r, answer) })
	}
	get("/api/sno/{$}", n.apiStatus)
	get("/api/sno/satellites", n.apiSatellites)
	get("/api/sno/satellite/{id}", n.apiSatellite)
	get("/api/sno/satellites/{id}/pricing", n.apiPricing)
	get("/api/sno/estimated-payout", n.apiEstimatedPayout)
	get("/api/notifications/list", n.apiNotifications)
	get("/api/heldamount/paystubs/{period}", n.apiPaystubs)
	get("/api/heldamount/paystubs/{start}/{end}", n.apiPaystubRange)
	get("/api/heldamount/held-history", n.apiHeldHistory)
	get("/api/heldamount/periods", n.apiPeriods)
	get("/api/heldamount/payout-history/{period}", n.apiPayoutHistory)
	mux.HandleFunc("POST /api/notifications/{id}/read", n.readNotification)
	mux.HandleFunc("POST /api/notifications/readall", n.readNotification)

	// what has a slash too many, or one too few, is sent to the right path
	moved := func(w http.ResponseWriter, r *http.Request) {
		target := strings.TrimSuffix(r.URL.Path, "/")
		if r.URL.Path == "/api/sno" {
			target = "/api/sno/"
		}
		if r.URL.RawQuery != "" {
			target += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, target, http.StatusMovedPermanently)
	}
	mux.HandleFunc("GET /api/sno", moved)
	for _, path := range []string{
		"/api/sno/satellites/{$}", "/api/sno/satellite/{id}/{$}", "/api/sno/satellites/{id}/pricing/{$}",
		"/api/sno/estimated-payout/{$}", "/api/notifications/list/{$}",
		"/api/heldamount/held-history/{$}", "/api/heldamount/periods/{$}", "/api/heldamount/payout-history/{period}/{$}",
		"/api/heldamount/paystubs/{start}/{end}/{$}",
	} {
		mux.HandleFunc("GET "+path, moved)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { serveWebPage(w) })

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		up, trouble := n.up, n.troubled(n.now)
		n.mu.Unlock()
		if !up {
			panic(http.ErrAbortHandler) // nobody is there
		}
		if trouble && n.opt.Scenario == SlowAPI {
			wait := time.NewTimer(n.opt.APIDelay)
			defer wait.Stop()
			select {
			case <-wait.C:
			case <-r.Context().Done():
				return
			}
		}
		if trouble && n.opt.Scenario == HTMLInsteadOfJSON {
			serveWebPage(w)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func serveWebPage(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=UTF-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	_, _ = io.WriteString(w, webPage) // the client may be gone
}

// apiError is an answer that is not what was asked for.
type apiError struct {
	status int
	text   string
}

func badRequest(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func (n *Node) serveJSON(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, *apiError)) {
	n.mu.Lock()
	value, failure := answer(r)
	var body []byte
	var err error
	if failure == nil {
		body, err = json.Marshal(value)
	}
	n.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case failure != nil:
		w.WriteHeader(failure.status)
		body, err = json.Marshal(map[string]string{"error": failure.text})
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if err == nil {
		_, _ = w.Write(append(body, '\n')) // the client may be gone
	}
}

// satelliteByID finds a trusted satellite.
func (n *Node) satelliteByID(id string) *satellite {
	for _, s := range n.satellites {
		if s.ID == id {
			return s
		}
	}
	return nil
}

var errUntrusted = errors.New("trust: satellite is untrusted")

// GET /api/sno/

type snoSatellite struct {
	ID                 string          `json:"id"`
	URL                string          `json:"url"`
	Disqualified       *time.Time      `json:"disqualified"`
	Suspended          *time.Time      `json:"suspended"`
	CurrentStorageUsed *int64          `json:"currentStorageUsed,omitempty"` // before v1.121
	VettedAt           json.RawMessage `json:"vettedAt,omitempty"`           // since v1.131
}

// diskSpaceNow is what v1.143 and later say: used is everything.
type diskSpaceNow struct {
	Used        int64 `json:"used"`
	Available   int64 `json:"available"`
	Overused    int64 `json:"overused"`
	Allocated   int64 `json:"allocated"`
	Trash       int64 `json:"trash"`
	Reclaimable int64 `json:"reclaimable"`
}

// diskSpaceBefore is what older ones say: available is what is allocated, used
// is pieces only.
type diskSpaceBefore struct {
	Used      int64 `json:"used"`
	Available int64 `json:"available"`
	Trash     int64 `json:"trash"`
	Overused  int64 `json:"overused"`
}

type snoAnswer struct {
	NodeID           string         `json:"nodeID"`
	Wallet           string         `json:"wallet"`
	WalletFeatures   []string       `json:"walletFeatures"`
	Satellites       []snoSatellite `json:"satellites"`
	DiskSpace        any            `json:"diskSpace"`
	Bandwidth        snoBandwidth   `json:"bandwidth"`
	LastPinged       time.Time      `json:"lastPinged"`
	Version          string         `json:"version"`
	AllowedVersion   string         `json:"allowedVersion"`
	UpToDate         bool           `json:"upToDate"`
	StartedAt        time.Time      `json:"startedAt"`
	ConfiguredPort   string         `json:"configuredPort"`
	QUICStatus       string         `json:"quicStatus,omitempty"` // since v1.67
	LastQUICPingedAt *time.Time     `json:"lastQuicPingedAt,omitempty"`
}

type snoBandwidth struct {
	Used      int64 `json:"used"`
	Available int64 `json:"available"`
}

// never is how the API writes a time that has not come, where it is not null.
func never(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return at64(at)
}

func (n *Node) apiStatus(*http.Request) (any, *apiError) {
	a := snoAnswer{
		NodeID: n.id, Wallet: n.wallet(),
		LastPinged: never(n.lastPinged),
		Version:    n.version.String(), AllowedVersion: n.allowedVersion().String(), UpToDate: !n.version.older(n.allowedVersion()),
		StartedAt: at64(n.startedAt), ConfiguredPort: strconv.Itoa(n.opt.Port),
	}
	if n.version.since(minorQUICPing) {
		a.QUICStatus = n.opt.QUICStatus
		if n.uplinkDown {
			a.QUICStatus = "Misconfigured"
		}
		quic := never(n.lastQUIC)
		a.LastQUICPingedAt = &quic
	}
	if n.version.since(minorAllocatedDiskSpace) {
		a.DiskSpace = diskSpaceNow{
			Used: n.used, Available: n.diskAvailable(), Overused: max(0, n.used-n.opt.Disk),
			Allocated: n.opt.Disk, Trash: n.storedInTrash(), Reclaimable: n.reclaimable(),
		}
	} else {
		a.DiskSpace = diskSpaceBefore{
			Used: n.used - n.storedInTrash(), Available: n.opt.Disk,
			Trash: n.storedInTrash(), Overused: max(0, n.used-n.opt.Disk),
		}
	}
	month := monthOf(at64(n.now))
	for _, s := range n.satellites {
		usage := s.usage(month, n.now)
		sum := usage.sum()
		a.Bandwidth.Used += sum.egress + sum.egressRepair + sum.egressAudit + sum.ingress + sum.ingressRepair
		if !s.view.known {
			continue
		}
		entry := snoSatellite{
			ID: s.ID, URL: s.URL,
			Disqualified: maybe(s.view.disqualifiedAt), Suspended: maybe(s.view.suspendedAt),
		}
		if n.version.since(minorVettedAt) {
			entry.VettedAt, _ = json.Marshal(maybe(s.view.vettedAt)) // a time: cannot fail
		}
		if !n.version.since(minorHashstore) {
			stored := s.live + s.garbage
			entry.CurrentStorageUsed = &stored
		}
		a.Satellites = append(a.Satellites, entry)
	}
	return a, nil
}

// GET /api/sno/satellites and /api/sno/satellite/{id}

type storageStamp struct {
	AtRestTotal      float64   `json:"atRestTotal"`
	AtRestTotalBytes *float64  `json:"atRestTotalBytes,omitempty"` // since v1.70
	IntervalInHours  *float64  `json:"intervalInHours,omitempty"`  // since v1.70, one satellite only
	IntervalStart    time.Time `json:"intervalStart"`
	Calculated       *bool     `json:"calculated,omitempty"` // since v1.162
}

type bandwidthRollup struct {
	Egress struct {
		Repair int64 `json:"repair"`
		Audit  int64 `json:"audit"`
		Usage  int64 `json:"usage"`
	} `json:"egress"`
	Ingress struct {
		Repair int64 `json:"repair"`
		Usage  int64 `json:"usage"`
	} `json:"ingress"`
	Delete        int64     `json:"delete"`
	IntervalStart time.Time `json:"intervalStart"`
}

type auditScores struct {
	AuditScore      float64 `json:"auditScore"`
	SuspensionScore float64 `json:"suspensionScore"`
	OnlineScore     float64 `json:"onlineScore"`
	SatelliteName   string  `json:"satelliteName"`
}

func (s *satellite) auditScores() auditScores {
	return auditScores{s.view.audit, s.view.suspension, s.view.online, s.URL}
}

// usageAnswer is what both answers have in common.
type usageAnswer struct {
	StorageDaily      []storageStamp    `json:"storageDaily"`
	BandwidthDaily    []bandwidthRollup `json:"bandwidthDaily"`
	StorageSummary    float64           `json:"storageSummary"`
	AverageUsageBytes *float64          `json:"averageUsageBytes,omitempty"` // since v1.70
	BandwidthSummary  int64             `json:"bandwidthSummary"`
	EgressSummary     int64             `json:"egressSummary"`
	IngressSummary    int64             `json:"ingressSummary"`
}

// usageOf sums the current month of some satellites.
func (n *Node) usageOf(satellites []*satellite, intervals bool) usageAnswer {
	var a usageAnswer
	now := at64(n.now)
	month := monthOf(now)
	var all monthUsage
	hours := [31]float64{}
	for _, s := range satellites {
		u := s.usage(month, n.now)
		for i := range u {
			d := &all[i]
			d.egress += u[i].egress
			d.egressRepair += u[i].egressRepair
			d.egressAudit += u[i].egressAudit
			d.ingress += u[i].ingress
			d.ingressRepair += u[i].ingressRepair
			d.byteHours += u[i].byteHours
			hours[i] = max(hours[i], u[i].hours)
		}
	}
	days, average := 0.0, 0.0
	start := monthStart(month)
	for i := range now.Day() {
		d := &all[i]
		from := start.AddDate(0, 0, i)
		if d.byteHours > 0 {
			stamp := storageStamp{AtRestTotal: d.byteHours, IntervalStart: from}
			if n.version.since(minorAverageUsage) {
				bytes, interval := d.byteHours/hours[i], hours[i]
				stamp.AtRestTotalBytes = &bytes
				if intervals {
					stamp.IntervalInHours = &interval
				}
				average += bytes
				days++
			}
			if n.version.since(minorCalculated) {
				stamp.Calculated = new(bool)
			}
			a.StorageSummary += d.byteHours
			a.StorageDaily = append(a.StorageDaily, stamp)
		}
		if d.egress+d.egressRepair+d.egressAudit+d.ingress+d.ingressRepair > 0 {
			r := bandwidthRollup{IntervalStart: from}
			r.Egress.Usage, r.Egress.Repair, r.Egress.Audit = d.egress, d.egressRepair, d.egressAudit
			r.Ingress.Usage, r.Ingress.Repair = d.ingress, d.ingressRepair
			a.BandwidthDaily = append(a.BandwidthDaily, r)
			a.EgressSummary += d.egress + d.egressRepair + d.egressAudit
			a.IngressSummary += d.ingress + d.ingressRepair
		}
	}
	a.BandwidthSummary = a.EgressSummary + a.IngressSummary
	if n.version.since(minorAverageUsage) {
		if days > 0 {
			average /= days
		}
		a.AverageUsageBytes = &average
	}
	return a
}

func (n *Node) apiSatellites(*http.Request) (any, *apiError) {
	a := struct {
		usageAnswer
		EarliestJoinedAt time.Time     `json:"earliestJoinedAt"`
		Audits           []auditScores `json:"audits"`
	}{usageAnswer: n.usageOf(n.satellites, false), EarliestJoinedAt: at64(n.now)}
	if a.StorageDaily == nil {
		a.StorageDaily = []storageStamp{} // here it is not null
	}
	for _, s := range n.satellites {
		a.Audits = append(a.Audits, s.auditScores())
		if joined := at64(s.joined); s.view.known && joined.Before(a.EarliestJoinedAt) {
			a.EarliestJoinedAt = joined
		}
	}
	return a, nil
}

type historyWindow struct {
	WindowStart time.Time `json:"windowStart"`
	TotalCount  int32     `json:"totalCount"`
	OnlineCount int32     `json:"onlineCount"`
}

type auditHistory struct {
	Score   float64         `json:"score"`
	Windows []historyWindow `json:"windows"`
}

type priceModel struct {
	EgressBandwidth int64
	RepairBandwidth int64
	AuditBandwidth  int64
	DiskSpace       int64
}

func (n *Node) apiSatellite(r *http.Request) (any, *apiError) {
	id := r.PathValue("id")
	if err := checkNodeID(id); err != nil {
		return nil, badRequest("consoleapi storagenode: %v", err)
	}
	s := n.satelliteByID(id)
	if s == nil {
		return nil, &apiError{http.StatusNotFound, fmt.Sprintf("consoleapi storagenode: console: %v", errUntrusted)}
	}
	a := struct {
		ID string `json:"id"`
		usageAnswer
		Audits       auditScores     `json:"audits"`
		AuditHistory auditHistory    `json:"auditHistory"`
		PriceModel   priceModel      `json:"priceModel"`
		NodeJoinedAt time.Time       `json:"nodeJoinedAt"`
		VettedAt     json.RawMessage `json:"vettedAt,omitempty"` // since v1.131
	}{
		ID: s.ID, usageAnswer: n.usageOf([]*satellite{s}, true),
		Audits:     s.auditScores(),
		PriceModel: priceModel{priceEgress, priceRepair, priceAudit, priceStorage},
	}
	if s.view.known {
		a.NodeJoinedAt = at64(s.joined)
		a.AuditHistory.Score = s.view.online
	}
	for _, w := range s.view.windows {
		a.AuditHistory.Windows = append(a.AuditHistory.Windows, historyWindow{at64(w.start), w.total, w.online})
	}
	if n.version.since(minorVettedAt) {
		a.VettedAt, _ = json.Marshal(maybe(s.view.vettedAt)) // a time: cannot fail
	}
	return a, nil
}

// GET /api/sno/satellites/{id}/pricing

func (n *Node) apiPricing(r *http.Request) (any, *apiError) {
	id := r.PathValue("id")
	if err := checkNodeID(id); err != nil {
		return nil, badRequest("consoleapi storagenode: %v", err)
	}
	a := struct {
		SatelliteID     string `json:"satelliteID"`
		EgressBandwidth int64  `json:"egressBandwidth"`
		RepairBandwidth int64  `json:"repairBandwidth"`
		AuditBandwidth  int64  `json:"auditBandwidth"`
		DiskSpace       int64  `json:"diskSpace"`
	}{SatelliteID: id}
	if n.satelliteByID(id) != nil {
		a.EgressBandwidth, a.RepairBandwidth, a.AuditBandwidth, a.DiskSpace = priceEgress, priceRepair, priceAudit, priceStorage
	}
	return a, nil
}

// GET /api/sno/estimated-payout

func (n *Node) apiEstimatedPayout(r *http.Request) (any, *apiError) {
	var a struct {
		CurrentMonth             moneyMonth `json:"currentMonth"`
		PreviousMonth            moneyMonth `json:"previousMonth"`
		CurrentMonthExpectations int64      `json:"currentMonthExpectations"`
	}
	month := monthOf(at64(n.now))
	if id := r.URL.Query().Get("id"); id != "" {
		if err := checkNodeID(id); err != nil {
			return nil, badRequest("consoleapi payouts: %v", err)
		}
		s := n.satelliteByID(id)
		if s == nil {
			return nil, &apiError{http.StatusInternalServerError, fmt.Sprintf("consoleapi storagenode: console: estimationservice: %v", errUntrusted)}
		}
		if s.view.disqualifiedAt != 0 {
			return nil, &apiError{http.StatusInternalServerError, "consoleapi storagenode: console: estimationservice: node was disqualified on satellite"}
		}
		a.CurrentMonth = s.estimate(month, n.now)
		a.PreviousMonth = s.estimate(month-1, n.now)
		a.CurrentMonthExpectations = s.expectation(a.CurrentMonth, n.now)
		return a, nil
	}
	for _, s := range n.satellites {
		if s.view.disqualifiedAt != 0 {
			continue
		}
		current := s.estimate(month, n.now)
		a.CurrentMonth.add(current)
		a.PreviousMonth.add(s.estimate(month-1, n.now))
		a.CurrentMonthExpectations += s.expectation(current, n.now)
	}
	return a, nil
}
