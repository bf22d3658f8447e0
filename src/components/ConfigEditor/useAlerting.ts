import { useCallback, useEffect, useRef, useState } from 'react';

import { type AlertingStatus, fetchAlerting } from '../../alerting';

export interface Alerting {
  /** Undefined until it is known. */
  status?: AlertingStatus;
  ask: () => Promise<void>;
}

/**
 * What Grafana has of rules, contact points and dashboards: when the editor opens, after a save, when asked, and when somebody
 * comes back from the page in which the contact points are made.
 */
export function useAlerting(uid: string, version: number | undefined): Alerting {
  const [status, setStatus] = useState<AlertingStatus>();
  const latest = useRef(0);

  const ask = useCallback(async () => {
    const mine = ++latest.current;
    const answer = await fetchAlerting(uid);
    if (mine === latest.current) {
      setStatus(answer);
    }
  }, [uid]);

  useEffect(() => {
    ask();
    window.addEventListener('focus', ask);
    return () => window.removeEventListener('focus', ask);
  }, [ask, version]);

  return { status, ask };
}
