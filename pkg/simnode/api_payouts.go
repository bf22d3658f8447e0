package simnode

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// paystubAnswer is a paystub as the API writes it; money in micro-USD.
type paystubAnswer struct {
	SatelliteID    string    `json:"satelliteId"`
	Period         string    `json:"period"`
	Created        time.Time `json:"created"`
	Codes          string    `json:"codes"`
	UsageAtRest    float64   `json:"usageAtRest"` // byte-months
	UsageGet       int64     `json:"usageGet"`
	UsagePut       int64     `json:"usagePut"`
	UsageGetRepair int64     `json:"usageGetRepair"`
	UsagePutRepair int64     `json:"usagePutRepair"`
	UsageGetAudit  int64     `json:"usageGetAudit"`
	CompAtRest     int64     `json:"compAtRest"`
	CompGet        int64     `json:"compGet"`
	CompPut        int64     `json:"compPut"`
	CompGetRepair  int64     `json:"compGetRepair"`
	CompPutRepair  int64     `json:"compPutRepair"`
	CompGetAudit   int64     `json:"compGetAudit"`
	SurgePercent   int64     `json:"surgePercent"`
	Held           int64     `json:"held"`
	Owed           int64     `json:"owed"`
	Disposed       int64     `json:"disposed"`
	Paid           int64     `json:"paid"`
	Distributed    int64     `json:"distributed"`
}

// periodName writes a month as 2026-11.
func periodName(month int) string { return monthStart(month).Format("2006-01") }

func (p *paystub) answer(s *satellite) paystubAnswer {
	return paystubAnswer{
		SatelliteID: s.ID, Period: periodName(p.month), Created: at64(p.created),
		UsageAtRest: p.usage.byteHours / hoursAMonth, UsageGet: p.usage.egress, UsagePut: p.usage.ingress,
		UsageGetRepair: p.usage.egressRepair, UsagePutRepair: p.usage.ingressRepair, UsageGetAudit: p.usage.egressAudit,
		CompAtRest: p.compAtRest, CompGet: p.compGet, CompGetRepair: p.compRepair, CompGetAudit: p.compAudit,
		Held: p.held, Owed: p.owed, Disposed: p.disposed, Paid: p.paid, Distributed: p.paid,
	}
}

// satelliteParameter reads the optional id; nil with ok means: all.
func (n *Node) satelliteParameter(r *http.Request) (id string, failure *apiError) {
	id = r.URL.Query().Get("id")
	if id == "" {
		return "", nil
	}
	if err := checkNodeID(id); err != nil {
		return "", badRequest("consoleapi payouts: %v", err)
	}
	return id, nil
}

// stubs are the paystubs of some months, by month and then by satellite.
func (n *Node) stubs(from, to int, id string) (answers []paystubAnswer) {
	for month := from; month <= to; month++ {
		for _, s := range n.satellites {
			if id != "" && s.ID != id {
				continue
			}
			for i := range s.paystubs {
				if s.paystubs[i].month == month {
					answers = append(answers, s.paystubs[i].answer(s))
				}
			}
		}
	}
	return answers
}

// parsePeriod reads 2026-11; what is no month is, as in the node, a month
// without paystubs.
func parsePeriod(text string) (month int, ok bool) {
	t, err := time.Parse("2006-01", text)
	if err != nil {
		return 0, false
	}
	return monthOf(t), true
}

func (n *Node) apiPaystubs(r *http.Request) (any, *apiError) {
	id, failure := n.satelliteParameter(r)
	if failure != nil {
		return nil, failure
	}
	month, ok := parsePeriod(r.PathValue("period"))
	var stubs []paystubAnswer
	if ok {
		stubs = n.stubs(month, month, id)
	}
	if id == "" {
		return stubs, nil
	}
	if len(stubs) == 0 { // one satellite: an object, or null
		return nil, nil
	}
	return stubs[0], nil
}

func (n *Node) apiPaystubRange(r *http.Request) (any, *apiError) {
	id, failure := n.satelliteParameter(r)
	if failure != nil {
		return nil, failure
	}
	months := [2]int{}
	for i, name := range []string{"start", "end"} {
		year, month, found := strings.Cut(r.PathValue(name), "-")
		y, errYear := strconv.Atoi(year)
		m, errMonth := strconv.Atoi(month)
		if !found || errYear != nil || errMonth != nil || m < 1 || m > 12 {
			return nil, badRequest("consoleapi payouts: wrong period format: period %s has wrong format", name)
		}
		months[i] = y*12 + m - 1
	}
	if months[1] < months[0] {
		return nil, badRequest("consoleapi payouts: wrong period format: period has wrong format")
	}
	// what lies outside the node's life has no paystubs
	last := monthOf(at64(n.now))
	return n.stubs(max(months[0], last-12*100), min(months[1], last), id), nil
}

func (n *Node) apiHeldHistory(*http.Request) (any, *apiError) {
	type history struct {
		SatelliteID         string    `json:"satelliteID"`
		SatelliteName       string    `json:"satelliteName"`
		HoldForFirstPeriod  int64     `json:"holdForFirstPeriod"`
		HoldForSecondPeriod int64     `json:"holdForSecondPeriod"`
		HoldForThirdPeriod  int64     `json:"holdForThirdPeriod"`
		TotalHeld           int64     `json:"totalHeld"`
		TotalDisposed       int64     `json:"totalDisposed"`
		JoinedAt            time.Time `json:"joinedAt"`
	}
	var all []history
	for _, s := range n.satellites {
		if len(s.paystubs) == 0 {
			continue
		}
		h := history{SatelliteID: s.ID, SatelliteName: s.URL, JoinedAt: at64(s.joined).Round(time.Minute)}
		for i := range s.paystubs {
			held := s.paystubs[i].held
			switch i / 3 {
			case 0:
				h.HoldForFirstPeriod += held
			case 1:
				h.HoldForSecondPeriod += held
			case 2:
				h.HoldForThirdPeriod += held
			default:
				held = 0
			}
			h.TotalHeld += held
			h.TotalDisposed += s.paystubs[i].disposed
		}
		all = append(all, h)
	}
	return all, nil
}

func (n *Node) apiPeriods(r *http.Request) (any, *apiError) {
	id, failure := n.satelliteParameter(r)
	if failure != nil {
		return nil, failure
	}
	seen := map[int]bool{}
	first, last := 1<<30, 0
	for _, s := range n.satellites {
		if id != "" && s.ID != id {
			continue
		}
		for i := range s.paystubs {
			month := s.paystubs[i].month
			seen[month] = true
			first, last = min(first, month), max(last, month)
		}
	}
	var periods []string
	for month := first; month <= last; month++ {
		if seen[month] {
			periods = append(periods, periodName(month))
		}
	}
	return periods, nil
}

func (n *Node) apiPayoutHistory(r *http.Request) (any, *apiError) {
	type payout struct {
		SatelliteID    string  `json:"satelliteID"`
		SatelliteURL   string  `json:"satelliteURL"`
		Age            int64   `json:"age"`
		Earned         int64   `json:"earned"`
		Surge          int64   `json:"surge"`
		SurgePercent   int64   `json:"surgePercent"`
		Held           int64   `json:"held"`
		HeldPercent    float64 `json:"heldPercent"`
		AfterHeld      int64   `json:"afterHeld"`
		Disposed       int64   `json:"disposed"`
		Paid           int64   `json:"paid"`
		Receipt        string  `json:"receipt"`
		IsExitComplete bool    `json:"isExitComplete"`
		Distributed    int64   `json:"distributed"`
	}
	month, ok := parsePeriod(r.PathValue("period"))
	if !ok {
		return []payout(nil), nil
	}
	var all []payout
	for _, s := range n.satellites {
		joined := at64(s.joined)
		for i := range s.paystubs {
			p := &s.paystubs[i]
			if p.month != month {
				continue
			}
			all = append(all, payout{
				SatelliteID: s.ID, SatelliteURL: s.URL,
				Age:    int64(monthOf(at64(n.now)) - monthOf(joined)),
				Earned: p.earned(), Surge: p.earned(), SurgePercent: 100,
				Held: p.held, HeldPercent: float64(heldRate(joined, month)), AfterHeld: p.earned() - p.held,
				Disposed: p.disposed, Paid: p.paid, Distributed: p.paid,
				Receipt: fmt.Sprintf("eth:0x%016x%016x", scramble(uint64(month)), scramble(uint64(s.index)+uint64(month)<<8)),
			})
		}
	}
	return all, nil
}
