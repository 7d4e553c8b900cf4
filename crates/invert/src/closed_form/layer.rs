use super::{Activation, Clip, Logits, check_columns, check_vector};
use netinverse_base::{Error, Place, Result, ResultExt};
use netinverse_linalg::{Matrix, Precision, Svd, singular_values_f32};

/// The layer f(x) = σ(xW + b), with the decomposition W = U Σ Vᵀ of its weight.
///
/// Inputs and outputs are rows. Ranks count singular values above max(n, m)·u·σ₁; all solves use the
/// rank at f64.
#[derive(Debug, Clone)]
pub struct Layer {
    weight: Matrix,
    bias: Vec<f64>,
    activation: Activation,
    svd: Svd,
    rank: usize,
    /// U, its first `rank` columns (n×r).
    basis: Matrix,
    /// V Σ⁻¹ (m×r): logits to coordinates.
    to_coordinates: Matrix,
}

impl Layer {
    /// The layer with this weight (n×m), bias (m) and activation.
    ///
    /// # Errors
    /// An empty weight, a bias of another width, a number that is not finite, a slope that is not positive.
    pub fn new(weight: Matrix, bias: Vec<f64>, activation: Activation) -> Result<Self> {
        if weight.rows() == 0 || weight.columns() == 0 {
            let message =
                format!("a layer of {} inputs and {} outputs is empty", weight.rows(), weight.columns());
            return Err(Error::input(message));
        }
        check_vector("weight", weight.data(), weight.data().len())?;
        check_vector("bias", &bias, weight.columns())?;
        if let Activation::LeakyRelu { slope } = activation
            && !(slope > 0.0 && slope.is_finite())
        {
            return Err(Error::input(format!("a leaky ReLU of slope {slope} has no inverse"))
                .hint("the slope must be positive"));
        }
        let svd = Svd::new(&weight);
        let rank = svd.rank(Precision::F64);
        let basis = Matrix::from_fn(weight.rows(), rank, |i, j| svd.u.row(i)[j]);
        let to_coordinates =
            Matrix::from_fn(weight.columns(), rank, |i, j| svd.v.row(i)[j] / svd.singular_values[j]);
        Ok(Layer { weight, bias, activation, svd, rank, basis, to_coordinates })
    }

    /// n
    pub fn inputs(&self) -> usize {
        self.weight.rows()
    }

    /// m
    pub fn outputs(&self) -> usize {
        self.weight.columns()
    }

    /// W, n×m
    pub fn weight(&self) -> &Matrix {
        &self.weight
    }

    /// b, m values
    pub fn bias(&self) -> &[f64] {
        &self.bias
    }

    /// σ
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// The singular values of W, descending, in f64.
    pub fn spectrum(&self) -> &[f64] {
        &self.svd.singular_values
    }

    /// The singular values of W as a float32 program computes them.
    pub fn spectrum_f32(&self) -> Vec<f32> {
        singular_values_f32(&self.weight)
    }

    /// The rank of W against max(n, m)·u·σ₁, u = 2⁻²⁴ or 2⁻⁵³.
    pub fn rank_at(&self, precision: Precision) -> usize {
        self.svd.rank(precision)
    }

    /// The threshold of [`Layer::rank_at`].
    pub fn rank_tolerance(&self, precision: Precision) -> f64 {
        self.svd.tolerance(precision)
    }

    /// The rank r at f64, which every solve uses.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The smallest singular value that counts, 0 for W = 0.
    pub fn sigma_min(&self) -> f64 {
        self.rank.checked_sub(1).map_or(0.0, |last| self.svd.singular_values[last])
    }

    /// An orthonormal basis of the column space R(W) (n×r): what f sees of an input.
    pub fn basis(&self) -> &Matrix {
        &self.basis
    }

    /// W⁺ (m×n)
    pub fn pseudo_inverse(&self) -> Matrix {
        self.svd.pseudo_inverse(self.rank)
    }

    /// Σ and V, of which the first `rank` count.
    pub(crate) fn decomposition(&self) -> &Svd {
        &self.svd
    }

    /// xW + b
    pub fn affine(&self, x: &[f64]) -> Result<Vec<f64>> {
        check_vector("input", x, self.inputs())?;
        let mut z = self.weight.apply_left(x);
        z.iter_mut().zip(&self.bias).for_each(|(z, b)| *z += b);
        Ok(z)
    }

    /// xW + b for every row.
    pub fn affine_rows(&self, x: &Matrix) -> Result<Matrix> {
        check_columns("inputs", x, self.inputs())?;
        let mut z = x.product(&self.weight);
        for i in 0..z.rows() {
            z.row_mut(i).iter_mut().zip(&self.bias).for_each(|(z, b)| *z += b);
        }
        Ok(z)
    }

    /// σ(xW + b)
    pub fn forward(&self, x: &[f64]) -> Result<Vec<f64>> {
        let mut y = self.affine(x)?;
        for v in &mut y {
            *v = self.activation.apply(*v);
        }
        Ok(y)
    }

    /// σ(xW + b) for every row.
    pub fn forward_rows(&self, x: &Matrix) -> Result<Matrix> {
        let mut y = self.affine_rows(x)?;
        for v in y.data_mut() {
            *v = self.activation.apply(*v);
        }
        Ok(y)
    }

    /// z = σ⁻¹(y) for every row of outputs, saturated ones clipped and counted
    /// (see [`Activation::clip`] for the margins that belong to a precision).
    pub fn logits(&self, outputs: &Matrix, clip: Clip) -> Result<Logits> {
        check_columns("outputs", outputs, self.outputs())?;
        self.activation.logits(outputs, clip)
    }

    /// (z − b) V Σ⁻¹: the coordinates x U that the logits z ask for.
    pub fn coordinates(&self, logits: &[f64]) -> Result<Vec<f64>> {
        check_vector("logits", logits, self.outputs())?;
        let shifted: Vec<f64> = logits.iter().zip(&self.bias).map(|(z, b)| z - b).collect();
        Ok(self.to_coordinates.apply_left(&shifted))
    }

    /// The input of least norm with xW + b = z (nearest to z where z is not reachable): (z − b) W⁺.
    pub fn minimum_norm(&self, logits: &[f64]) -> Result<Vec<f64>> {
        Ok(self.basis.apply(&self.coordinates(logits)?))
    }

    /// (z − b) W⁺ for every row of logits.
    pub fn minimum_norm_rows(&self, logits: &Matrix) -> Result<Matrix> {
        Ok(self.coordinate_rows(logits)?.product_transposed(&self.basis))
    }

    /// The input nearest to r with xW + b = z: r + (z − b − rW) W⁺.
    pub fn nearest(&self, logits: &[f64], reference: &[f64]) -> Result<Vec<f64>> {
        check_vector("reference", reference, self.inputs())?;
        let mut coordinates = self.coordinates(logits)?;
        let own = self.basis.apply_left(reference);
        coordinates.iter_mut().zip(own).for_each(|(t, o)| *t -= o);
        let mut x = self.basis.apply(&coordinates);
        x.iter_mut().zip(reference).for_each(|(x, r)| *x += r);
        Ok(x)
    }

    /// r + (z − b − rW) W⁺ for every row of logits, with one reference for all or one for each.
    pub fn nearest_rows(&self, logits: &Matrix, references: &Matrix) -> Result<Matrix> {
        check_references(references, logits.rows(), self.inputs())?;
        let mut coordinates = self.coordinate_rows(logits)?;
        let own = references.product(&self.basis);
        for i in 0..coordinates.rows() {
            let own = own.row(pair(references, i));
            coordinates.row_mut(i).iter_mut().zip(own).for_each(|(t, o)| *t -= o);
        }
        let mut x = coordinates.product_transposed(&self.basis);
        for i in 0..x.rows() {
            let reference = references.row(pair(references, i));
            x.row_mut(i).iter_mut().zip(reference).for_each(|(x, r)| *x += r);
        }
        Ok(x)
    }

    /// x U Uᵀ: the part of x in R(W), which f keeps.
    pub fn kept(&self, x: &[f64]) -> Result<Vec<f64>> {
        check_vector("input", x, self.inputs())?;
        Ok(self.basis.apply(&self.basis.apply_left(x)))
    }

    /// x − x U Uᵀ: the part of x that does not change f(x).
    pub fn lost(&self, x: &[f64]) -> Result<Vec<f64>> {
        let kept = self.kept(x)?;
        Ok(x.iter().zip(kept).map(|(x, k)| x - k).collect())
    }

    /// x U Uᵀ for every row.
    pub fn kept_rows(&self, x: &Matrix) -> Result<Matrix> {
        check_columns("inputs", x, self.inputs())?;
        Ok(x.product(&self.basis).product_transposed(&self.basis))
    }

    fn coordinate_rows(&self, logits: &Matrix) -> Result<Matrix> {
        check_columns("logits", logits, self.outputs())?;
        let mut shifted = logits.clone();
        for i in 0..shifted.rows() {
            shifted.row_mut(i).iter_mut().zip(&self.bias).for_each(|(z, b)| *z -= b);
        }
        Ok(shifted.product(&self.to_coordinates))
    }
}

/// The row of `references` that belongs to query `i`: its own, or the only one.
pub(crate) fn pair(references: &Matrix, i: usize) -> usize {
    if references.rows() == 1 { 0 } else { i }
}

/// Refuses references that are neither one row nor one row a query.
pub(crate) fn check_references(references: &Matrix, queries: usize, inputs: usize) -> Result<()> {
    check_columns("references", references, inputs)?;
    if references.rows() == 1 || references.rows() == queries {
        return Ok(());
    }
    Err(Error::input(format!("{} references for {queries} targets", references.rows())))
        .at(|| Place::Row(references.rows().min(queries)))
        .hint(|| "give one reference for all targets, or one for each")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::testing::{random_layer, random_matrix};
    use netinverse_base::Rng;
    use netinverse_linalg::{Cholesky, norm};

    fn gap(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).fold(0.0, |m, (x, y)| m.max((x - y).abs()))
    }

    #[test]
    fn the_pseudo_inverse_gives_the_outputs_back() {
        for (n, m) in [(30, 5), (12, 12), (784, 10)] {
            let layer = random_layer(n, m, Activation::Sigmoid, 1);
            let outputs = layer.forward_rows(&random_matrix(20, n, 2)).unwrap();
            let logits = layer.logits(&outputs, Activation::Sigmoid.clip(Precision::F64)).unwrap();
            let back = layer.forward_rows(&layer.minimum_norm_rows(&logits.values).unwrap()).unwrap();
            assert!(gap(back.data(), outputs.data()) < 1e-13, "{n} → {m}");
        }
    }

    #[test]
    fn the_nearest_input_satisfies_the_normal_equations() {
        // x = r + W (WᵀW)⁻¹ (z − b − Wᵀr), by Cholesky: independent of the decomposition
        let layer = random_layer(25, 6, Activation::Identity, 3);
        let w = layer.weight();
        let gram = Cholesky::new(&w.transposed_product(w)).unwrap();
        let (logits, references) = (random_matrix(9, 6, 4), random_matrix(9, 25, 5));
        let rows = layer.nearest_rows(&logits, &references).unwrap();
        for i in 0..9 {
            let mut difference = logits.row(i).to_vec();
            let own = layer.affine(references.row(i)).unwrap();
            difference.iter_mut().zip(own).for_each(|(z, o)| *z -= o);
            gram.solve(&mut difference);
            let mut expected = w.apply(&difference);
            expected.iter_mut().zip(references.row(i)).for_each(|(x, r)| *x += r);
            assert!(gap(rows.row(i), &expected) < 1e-12);
            assert!(gap(&layer.nearest(logits.row(i), references.row(i)).unwrap(), &expected) < 1e-12);
        }
    }

    #[test]
    fn a_wide_layer_gives_its_inputs_back() {
        let layer = random_layer(10, 200, Activation::Sigmoid, 6);
        let inputs = random_matrix(40, 10, 7);
        let outputs = layer.forward_rows(&inputs).unwrap();
        let logits = layer.logits(&outputs, Activation::Sigmoid.clip(Precision::F64)).unwrap();
        assert!(gap(layer.minimum_norm_rows(&logits.values).unwrap().data(), inputs.data()) < 1e-12);
    }

    #[test]
    fn kept_and_lost_parts_are_orthogonal_and_only_the_kept_one_matters() {
        let layer = random_layer(40, 6, Activation::Tanh, 8);
        let mut rng = Rng::new(9, 0);
        let x: Vec<f64> = (0..40).map(|_| rng.normal()).collect();
        let (kept, lost) = (layer.kept(&x).unwrap(), layer.lost(&x).unwrap());
        assert!((norm(&kept).powi(2) + norm(&lost).powi(2) - norm(&x).powi(2)).abs() < 1e-12);
        assert!(gap(&layer.forward(&kept).unwrap(), &layer.forward(&x).unwrap()) < 1e-13);
    }

    #[test]
    fn ranks_are_stated_at_both_precisions() {
        let wide = random_matrix(30, 3, 10);
        let mixed = random_matrix(3, 6, 11);
        let mut weight = wide.product(&mixed);
        weight.row_mut(0)[0] += 1e-9;
        let layer = Layer::new(weight, vec![0.0; 6], Activation::Identity).unwrap();
        assert_eq!((layer.rank_at(Precision::F64), layer.rank_at(Precision::F32)), (4, 3));
        assert_eq!((layer.rank(), layer.basis().columns(), layer.spectrum().len()), (4, 4, 6));
    }

    #[test]
    fn bad_layers_and_targets_are_refused() {
        assert!(Layer::new(Matrix::zeros(0, 3), vec![0.0; 3], Activation::Identity).is_err());
        assert!(Layer::new(Matrix::zeros(2, 3), vec![0.0; 2], Activation::Identity).is_err());
        assert!(Layer::new(Matrix::zeros(2, 1), vec![0.0], Activation::LeakyRelu { slope: 0.0 }).is_err());
        let layer = random_layer(4, 2, Activation::Identity, 1);
        assert!(layer.minimum_norm(&[1.0]).is_err() && layer.minimum_norm(&[1.0, f64::NAN]).is_err());
        assert!(layer.nearest_rows(&Matrix::zeros(3, 2), &Matrix::zeros(2, 4)).is_err());
    }
}
