import { describeOneWayCuts } from '../../support/one-way-cuts.ts';

describeOneWayCuts('out', 'to');
